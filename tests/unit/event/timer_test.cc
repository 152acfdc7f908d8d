#include <cgisrv/loop.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <random>

#include "../run_until.h"

namespace cgisrv {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::ElementsAre;

// Timers that write down who was called.
class Timers : public testing::Test {
 protected:
  struct Entry {
    Entry(Timers& test, int number)
        : owner(test), id(number), timer(test.loop, Callback::of<&Entry::due>(*this)) {}
    void due() {
      EXPECT_FALSE(timer.armed());
      EXPECT_LE(timer.deadline(), owner.loop.now());
      owner.called.push_back(id);
      if (act) act();
    }
    Timers& owner;
    int id;
    Timer timer;
    std::function<void()> act;
  };

  Entry& make() { return entries.emplace_back(*this, static_cast<int>(entries.size())); }
  void run_until_called(std::size_t count) {
    EXPECT_TRUE(run_until(loop, [&] { return called.size() >= count; }));
  }

  Loop loop;
  std::deque<Entry> entries;
  std::vector<int> called;
};

TEST_F(Timers, NotBeforeTheDeadline) {
  Entry& entry = make();
  const TimePoint deadline = Clock::now() + milliseconds(20);
  entry.timer.arm(deadline);
  EXPECT_TRUE(entry.timer.armed());
  run_until_called(1);
  EXPECT_GE(Clock::now(), deadline);
  run_for(loop, milliseconds(5));
  EXPECT_THAT(called, ElementsAre(0));  // once
}

TEST_F(Timers, InTheOrderOfTheirDeadlines) {
  const TimePoint start = Clock::now() + milliseconds(1);
  constexpr int count = 100;
  for (int i = 0; i < count; ++i)
    make();
  for (int i = 0; i < count; ++i) {
    const int shuffled = i * 37 % count;
    entries[static_cast<std::size_t>(shuffled)].timer.arm(start + microseconds(shuffled));
  }
  run_until_called(count);
  EXPECT_TRUE(std::ranges::is_sorted(called));
  EXPECT_EQ(called.size(), static_cast<std::size_t>(count));
}

TEST_F(Timers, ArmingAgainMovesTheDeadlineBothWays) {
  const TimePoint start = Clock::now() + milliseconds(1);
  for (int i = 0; i < 5; ++i)
    make().timer.arm(start + microseconds(10 * i));
  entries[0].timer.arm(start + microseconds(25));  // later
  entries[4].timer.arm(start + microseconds(5));   // earlier
  run_until_called(5);
  EXPECT_THAT(called, ElementsAre(4, 1, 2, 0, 3));
}

TEST_F(Timers, DisarmedOneIsNotCalled) {
  const TimePoint start = Clock::now();
  for (int i = 0; i < 4; ++i)
    make().timer.arm(start + milliseconds(1) + microseconds(i));
  entries[1].timer.disarm();
  EXPECT_FALSE(entries[1].timer.armed());
  entries[0].act = [&] { entries[2].timer.disarm(); };  // due in the same batch
  run_until_called(2);
  run_for(loop, milliseconds(5));
  EXPECT_THAT(called, ElementsAre(0, 3));
}

TEST_F(Timers, MayBeDestroyedWhileOthersAreDue) {
  auto doomed = std::make_unique<Entry>(*this, 7);
  Entry& killer = make();
  killer.act = [&] { doomed.reset(); };
  const TimePoint start = Clock::now() + milliseconds(1);
  killer.timer.arm(start);
  doomed->timer.arm(start + microseconds(1));
  make().timer.arm(start + microseconds(2));
  run_until_called(2);
  EXPECT_THAT(called, ElementsAre(0, 1));
}

// What arms itself with no delay shares the loop with everybody else: events come in between. The
// timers that are not due must make no difference to that.
TEST_F(Timers, ZeroDelayWaitsForTheNextTurn) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Fd out(ends[0]);
  const Fd in(ends[1]);
  ASSERT_EQ(::write(in.get(), "x", 1), 1);
  struct Reader {
    std::vector<int>& called;
    void ready() { called.push_back(-1); }
  } reader{called};
  const Watch watch(loop, out.get(), EPOLLIN, WatchCallback::of<&Reader::ready>(reader));
  for (int i = 0; i < 20; ++i)
    make().timer.arm_after(hours(1));
  Entry& busy = make();
  int rounds = 0;
  busy.act = [&] {
    if (++rounds == 5) return loop.stop();
    busy.timer.arm_after(Clock::duration::zero());
  };
  busy.timer.arm_after(Clock::duration::zero());
  loop.run();
  EXPECT_EQ(rounds, 5);
  for (std::size_t i = 1; i < called.size(); ++i)
    EXPECT_FALSE(called[i - 1] == busy.id && called[i] == busy.id) << "no event before call " << i;
}

TEST_F(Timers, NeverAndOverflowDisarm) {
  Entry& entry = make();
  entry.timer.arm_after(hours(1));
  entry.timer.arm_after(Clock::duration::max());
  EXPECT_FALSE(entry.timer.armed());
  entry.timer.arm_after(milliseconds::max());
  EXPECT_FALSE(entry.timer.armed());
  run_for(loop, milliseconds(5));
  EXPECT_TRUE(called.empty());
}

// Any sequence of arming, moving and disarming leaves the heap in order.
TEST_F(Timers, AgreeWithASortedListUnderRandomUse) {
  std::mt19937 random(4711);
  constexpr std::size_t count = 64;
  for (std::size_t i = 0; i < count; ++i)
    make();
  for (int round = 0; round < 20; ++round) {
    called.clear();
    const TimePoint start = Clock::now() + milliseconds(2);
    // Deadlines differ, so that there is but one right order.
    std::vector<int> at(count, -1);
    for (int step = 0; step < 300; ++step) {
      const std::size_t i = random() % count;
      if (random() % 4 == 0) {
        entries[i].timer.disarm();
        at[i] = -1;
      } else {
        at[i] = static_cast<int>(random() % 1000 * count + i);
        entries[i].timer.arm(start + std::chrono::nanoseconds(at[i]));
      }
    }
    std::vector<int> expected;
    for (std::size_t i = 0; i < count; ++i)
      if (at[i] >= 0) expected.push_back(static_cast<int>(i));
    std::ranges::sort(expected, {}, [&](int i) { return at[static_cast<std::size_t>(i)]; });
    run_until_called(expected.size());
    ASSERT_EQ(called, expected) << "round " << round;
  }
}

}  // namespace
}  // namespace cgisrv
