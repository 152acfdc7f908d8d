#include "telemetry/history.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace cgisrv::telemetry {
namespace {

using account::Histogram;
using std::chrono::microseconds;
using std::chrono::seconds;

constexpr Recent::Clock::time_point start{std::chrono::hours(100)};

TEST(History, KeepsTheLastSamplesInOrder) {
  const auto history = std::make_unique<History>();
  EXPECT_TRUE(history->samples().empty());
  for (unsigned i = 1; i <= History::samples_max + 5; ++i)
    history->add({.time = static_cast<double>(i), .requests = i});
  const auto samples = history->samples();
  ASSERT_EQ(samples.size(), History::samples_max);
  EXPECT_EQ(samples.front().requests, 6U);
  EXPECT_EQ(samples.back().requests, History::samples_max + 5);
}

TEST(History, LeavesOutWhatIsLaterThanTheClockThatWasSetBack) {
  const auto history = std::make_unique<History>();
  const auto times = [&] {
    std::vector<double> all;
    for (const Sample& each : history->samples())
      all.push_back(each.time);
    return all;
  };
  for (const double time : {100.0, 105.0, 110.0, 50.0})
    history->add({.time = time});
  EXPECT_EQ(times(), (std::vector{50.0}));
  history->add({.time = 55.0});
  EXPECT_EQ(times(), (std::vector{50.0, 55.0}));
  history->add({.time = 107.0});  // and it was set on again
  EXPECT_EQ(times(), (std::vector{50.0, 55.0, 107.0}));
}

class RecentTest : public testing::Test {
 protected:
  void request(microseconds duration, bool failed = false) {
    histogram_->add(duration);
    ++totals_.requests;
    totals_.failed += failed ? 1 : 0;
    totals_.cpu += microseconds(500);
  }
  Recent::Growth record(seconds after) {
    totals_.durations = histogram_->counts();
    recent_.record(totals_, start + after);
    return recent_.growth();
  }

  std::unique_ptr<Histogram> histogram_ = std::make_unique<Histogram>();
  Recent::Totals totals_;
  Recent recent_;
};

TEST_F(RecentTest, BeforeTheFirstLookThereIsNothing) {
  EXPECT_EQ(recent_.growth().seconds, 0);
  EXPECT_EQ(recent_.growth().totals.requests, 0U);
}

TEST_F(RecentTest, WhatWasBeforeTheFirstLookDoesNotCount) {
  request(seconds(9));
  EXPECT_EQ(record(seconds(0)).totals.requests, 0U);
  request(microseconds(1000), true);
  const auto growth = record(seconds(5));
  EXPECT_EQ(growth.seconds, 5);
  EXPECT_EQ(growth.totals.requests, 1U);
  EXPECT_EQ(growth.totals.failed, 1U);
  EXPECT_EQ(growth.totals.cpu, microseconds(500));
  EXPECT_NEAR(static_cast<double>(growth.totals.durations.percentile(0.99).count()), 1000, 70);
}

TEST_F(RecentTest, AMinuteLaterItIsForgotten) {
  record(seconds(0));
  for (int i = 0; i < 100; ++i)
    request(seconds(2));
  record(seconds(5));
  for (int at = 10; at <= 60; at += 5)
    EXPECT_EQ(record(seconds(at)).totals.requests, 100U) << at;
  request(microseconds(1000));
  for (int at = 65; at < 75; at += 5)
    record(seconds(at));
  const auto growth = record(seconds(80));
  EXPECT_EQ(growth.totals.requests, 1U);
  EXPECT_EQ(growth.totals.durations.count(), 1U);
  EXPECT_GE(growth.seconds, 60);
  EXPECT_LE(growth.seconds, 75);
}

}  // namespace
}  // namespace cgisrv::telemetry
