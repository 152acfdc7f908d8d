#include "http2/flood.h"

#include <gmock/gmock.h>

namespace cgisrv::http2 {
namespace {

using namespace std::chrono_literals;

constexpr Budget::TimePoint start{1h};

TEST(Budget, IsFilledByTimeUpToItsMost) {
  Budget budget(3, 1);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(budget.spend(start, 1));
  EXPECT_FALSE(budget.spend(start, 1));
  EXPECT_FALSE(budget.spend(start + 500ms, 1));
  EXPECT_TRUE(budget.spend(start + 1s, 1));
  EXPECT_TRUE(budget.spend(start + 1h, 3));
  EXPECT_FALSE(budget.spend(start + 1h, 1));
}

// So many at once, or nothing.
template <typename Act>
int count_until_problem(Act act) {
  FloodGuard guard;
  int count = 0;
  while (guard.problem().empty() && count < 1'000'000) {
    act(guard, count);
    ++count;
  }
  return count;
}

TEST(FloodGuard, EndsWhatComesAtOnce) {
  const auto at_once = [](auto method) {
    return count_until_problem([method](FloodGuard& guard, int) { (guard.*method)(start); });
  };
  EXPECT_EQ(at_once(&FloodGuard::reset), 201);
  EXPECT_EQ(at_once(&FloodGuard::control), 501);
  EXPECT_EQ(at_once(&FloodGuard::empty), 101);
  EXPECT_EQ(at_once(&FloodGuard::window_update), 1001);
}

TEST(FloodGuard, LetsThoseGoOnWhoAreSlow) {
  const int count = count_until_problem([](FloodGuard& guard, int i) {
    guard.reset(start + i * 50ms);
    guard.control(start + i * 50ms);
  });
  EXPECT_EQ(count, 1'000'000);
}

TEST(FloodGuard, AnswersPayForResets) {
  const int count = count_until_problem([](FloodGuard& guard, int i) {
    if (i % 2 == 0) guard.answered();
    guard.reset(start);
  });
  EXPECT_EQ(count, 400);
}

TEST(FloodGuard, DataPaysForWindowUpdates) {
  const int count = count_until_problem([](FloodGuard& guard, int i) {
    if (i % 4 == 0) guard.data_sent();
    guard.window_update(start);
  });
  EXPECT_EQ(count, 1'000'000);
}

TEST(FloodGuard, AHeadThatIsFarTooLarge) {
  FloodGuard guard;
  guard.head(16'000, 1000);
  EXPECT_EQ(guard.problem(), "");
  guard.head(16'001, 1000);
  EXPECT_NE(guard.problem(), "");
}

}  // namespace
}  // namespace cgisrv::http2
