#include "auth/guess_limiter.h"

#include <gtest/gtest.h>

namespace cgisrv::auth {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t client = 7, another = 8;
const TimePoint start{std::chrono::hours(1)};

TEST(GuessLimiter, LetsAFewWrongOnesBeMadeAtOnce) {
  GuessLimiter limiter(3, seconds(6));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(limiter.wait(client, start).count(), 0);
    limiter.wrong(client, start);
  }
  EXPECT_EQ(limiter.wait(client, start), seconds(6));
  EXPECT_EQ(limiter.wait(another, start).count(), 0);
  EXPECT_EQ(limiter.wait(client, start + seconds(4)), seconds(2));
  EXPECT_EQ(limiter.wait(client, start + seconds(6)).count(), 0);
  limiter.wrong(client, start + seconds(6));
  EXPECT_EQ(limiter.wait(client, start + seconds(6)), seconds(6));
  EXPECT_EQ(limiter.wait(client, start + seconds(24)).count(), 0);
}

TEST(GuessLimiter, CanBeOffAndLimitsNobodyUnknown) {
  GuessLimiter off(0, seconds(6));
  GuessLimiter limiter(1, seconds(6));
  for (int i = 0; i < 100; ++i) {
    off.wrong(client, start);
    limiter.wrong(0, start);
  }
  EXPECT_EQ(off.wait(client, start).count(), 0);
  EXPECT_EQ(limiter.wait(0, start).count(), 0);
}

TEST(GuessLimiter, IsBoundedAndForgetsTheLeastGuilty) {
  GuessLimiter limiter(1, seconds(6), 4);
  for (int i = 0; i < 10; ++i)
    limiter.wrong(client, start);
  for (std::uint64_t stranger = 100; stranger < 200; ++stranger)
    limiter.wrong(stranger, start);
  EXPECT_EQ(limiter.clients(), 4U);
  EXPECT_GT(limiter.wait(client, start), seconds(50));
  limiter.wrong(another, start + seconds(3600));
  EXPECT_EQ(limiter.clients(), 1U);
}

}  // namespace
}  // namespace cgisrv::auth
