#include "net/patience.h"

#include <gtest/gtest.h>

#include "../run_until.h"

namespace cgisrv::net {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class PatienceTest : public testing::Test {
 protected:
  void count(std::uint32_t) { ++empty; }
  // Lets that much time pass for the loop.
  void pass(Clock::duration time) { run_for(loop, time); }

  Loop loop;
  int empty = 0;
  Patience patience{loop, Callback::of<&PatienceTest::count>(*this)};
};

TEST_F(PatienceTest, WaitingUsesItUpOnce) {
  patience.refill(milliseconds(20), 500);
  patience.wait();
  EXPECT_TRUE(patience.waiting());
  EXPECT_TRUE(run_until(loop, [&] { return empty > 0; }));
  EXPECT_FALSE(patience.waiting());
  EXPECT_EQ(patience.left(), Clock::duration::zero());
  pass(milliseconds(30));
  EXPECT_EQ(empty, 1);
}

TEST_F(PatienceTest, OnlyWaitingIsSpent) {
  patience.refill(milliseconds(20), 500);
  pass(milliseconds(40));
  EXPECT_EQ(patience.left(), milliseconds(20));
  patience.wait();
  patience.pause();
  EXPECT_EQ(patience.left(), milliseconds(20));  // the loop's clock stands still within a batch
  pass(milliseconds(40));
  EXPECT_EQ(empty, 0);
}

TEST_F(PatienceTest, PausesAddUp) {
  patience.refill(hours(1), 500);
  for (int i = 0; i < 3; ++i) {
    patience.wait();
    pass(milliseconds(10));
    patience.pause();
  }
  EXPECT_LE(patience.left(), hours(1) - milliseconds(30));
}

TEST_F(PatienceTest, BytesEarnTimeAtTheRate) {
  patience.refill(seconds(60), 500);
  patience.wait();
  pass(milliseconds(20));
  patience.pause();
  const Clock::duration before = patience.left();
  patience.earn(5);
  EXPECT_EQ(patience.left(), before + milliseconds(10));
}

TEST_F(PatienceTest, EarningWhileWaitingPutsTheEndOff) {
  patience.refill(milliseconds(50), 1000);
  patience.wait();
  for (int i = 0; i < 20; ++i) {
    pass(milliseconds(5));
    patience.earn(1000);
  }
  EXPECT_EQ(empty, 0);
  EXPECT_TRUE(patience.waiting());
  EXPECT_EQ(patience.left(), milliseconds(50));
}

TEST_F(PatienceTest, NobodyEarnsMoreThanAFullBucket) {
  patience.refill(seconds(60), 500);
  patience.earn(UINT64_MAX);
  EXPECT_EQ(patience.left(), seconds(60));
}

TEST_F(PatienceTest, TooSlowIsNotSavedByComingAgainAndAgain) {
  patience.refill(milliseconds(50), 1'000'000);
  patience.wait();
  EXPECT_TRUE(run_until(loop, [&] {
    patience.earn(1);  // a microsecond, every millisecond
    return empty > 0;
  }));
}

TEST_F(PatienceTest, WithoutARateAnyByteFillsTheBucket) {
  patience.refill(hours(1), 0);
  patience.wait();
  pass(milliseconds(10));
  patience.pause();
  EXPECT_LT(patience.left(), hours(1));
  patience.earn(0);
  EXPECT_LT(patience.left(), hours(1));
  patience.earn(1);
  EXPECT_EQ(patience.left(), hours(1));
}

TEST_F(PatienceTest, WhoeverIsGivenUpMayStillEarn) {
  patience.refill(milliseconds(10), 500);
  patience.wait();
  EXPECT_TRUE(run_until(loop, [&] { return empty == 1; }));
  patience.earn(500);
  EXPECT_EQ(patience.left(), milliseconds(10));
  patience.wait();
  EXPECT_TRUE(run_until(loop, [&] { return empty == 2; }));
}

}  // namespace
}  // namespace cgisrv::net
