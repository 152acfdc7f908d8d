#include "net/min_rate_timer.h"

#include <gtest/gtest.h>

#include "../run_until.h"

namespace cgisrv::net {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class MinRateTimerTest : public testing::Test {
 protected:
  void count() { ++empty; }
  // Lets that much time pass for the loop.
  void pass(Clock::duration time) { run_for(loop, time); }

  Loop loop;
  int empty = 0;
  MinRateTimer timer{loop, Callback::of<&MinRateTimerTest::count>(*this)};
};

TEST_F(MinRateTimerTest, WaitingUsesItUpOnce) {
  timer.refill(milliseconds(20), 500);
  timer.wait();
  EXPECT_TRUE(timer.waiting());
  EXPECT_TRUE(run_until(loop, [&] { return empty > 0; }));
  EXPECT_FALSE(timer.waiting());
  EXPECT_EQ(timer.left(), Clock::duration::zero());
  pass(milliseconds(30));
  EXPECT_EQ(empty, 1);
}

TEST_F(MinRateTimerTest, OnlyWaitingIsSpent) {
  timer.refill(milliseconds(20), 500);
  pass(milliseconds(40));
  EXPECT_EQ(timer.left(), milliseconds(20));
  timer.wait();
  timer.pause();
  EXPECT_EQ(timer.left(), milliseconds(20));  // the loop's clock stands still within a batch
  pass(milliseconds(40));
  EXPECT_EQ(empty, 0);
}

TEST_F(MinRateTimerTest, PausesAddUp) {
  timer.refill(hours(1), 500);
  for (int i = 0; i < 3; ++i) {
    timer.wait();
    pass(milliseconds(10));
    timer.pause();
  }
  EXPECT_LE(timer.left(), hours(1) - milliseconds(30));
}

TEST_F(MinRateTimerTest, BytesEarnTimeAtTheRate) {
  timer.refill(seconds(60), 500);
  timer.wait();
  pass(milliseconds(20));
  timer.pause();
  const Clock::duration before = timer.left();
  timer.earn(5);
  EXPECT_EQ(timer.left(), before + milliseconds(10));
}

TEST_F(MinRateTimerTest, EarningWhileWaitingPutsTheEndOff) {
  timer.refill(hours(1), 1000);
  timer.wait();
  for (int i = 0; i < 3; ++i) {
    pass(milliseconds(5));
    EXPECT_LT(timer.left(), hours(1));
    timer.earn(1000);
    EXPECT_EQ(timer.left(), hours(1));
    EXPECT_TRUE(timer.waiting());
  }
  EXPECT_EQ(empty, 0);
}

TEST_F(MinRateTimerTest, NobodyEarnsMoreThanAFullBucket) {
  timer.refill(seconds(60), 500);
  timer.earn(UINT64_MAX);
  EXPECT_EQ(timer.left(), seconds(60));
}

TEST_F(MinRateTimerTest, TooSlowIsNotSavedByComingAgainAndAgain) {
  timer.refill(milliseconds(50), 1'000'000);
  timer.wait();
  EXPECT_TRUE(run_until(loop, [&] {
    timer.earn(1);  // a microsecond, every millisecond
    return empty > 0;
  }));
}

TEST_F(MinRateTimerTest, WithoutARateAnyByteFillsTheBucket) {
  timer.refill(hours(1), 0);
  timer.wait();
  pass(milliseconds(10));
  timer.pause();
  EXPECT_LT(timer.left(), hours(1));
  timer.earn(0);
  EXPECT_LT(timer.left(), hours(1));
  timer.earn(1);
  EXPECT_EQ(timer.left(), hours(1));
}

TEST_F(MinRateTimerTest, WhoeverIsGivenUpMayStillEarn) {
  timer.refill(milliseconds(10), 500);
  timer.wait();
  EXPECT_TRUE(run_until(loop, [&] { return empty == 1; }));
  timer.earn(500);
  EXPECT_EQ(timer.left(), milliseconds(10));
  timer.wait();
  EXPECT_TRUE(run_until(loop, [&] { return empty == 2; }));
}

}  // namespace
}  // namespace cgisrv::net
