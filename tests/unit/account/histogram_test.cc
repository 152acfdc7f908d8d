#include "account/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace cgisrv::account {
namespace {

using Duration = Histogram::Duration;

class HistogramTest : public testing::Test {
 protected:
  // As shared memory is: zeroed.
  const std::unique_ptr<Histogram> histogram = std::make_unique<Histogram>();
};

TEST_F(HistogramTest, EmptyHasNoPercentiles) {
  EXPECT_EQ(histogram->count(), 0U);
  EXPECT_EQ(histogram->percentile(0.5), Duration::zero());
}

TEST_F(HistogramTest, PercentilesAreWithinASixteenth) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> spread(9, 3);  // from microseconds to minutes
  std::vector<double> all;
  for (int i = 0; i < 20'000; ++i) {
    all.push_back(std::floor(spread(random)));
    histogram->add(Duration(static_cast<Duration::rep>(all.back())));
  }
  std::ranges::sort(all);
  EXPECT_EQ(histogram->count(), all.size());
  for (const double share : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    const double truth = all[static_cast<std::size_t>(share * 20'000) - 1];
    const auto told = static_cast<double>(histogram->percentile(share).count());
    EXPECT_NEAR(told, truth, truth / 16 + 1) << share;
  }
}

TEST_F(HistogramTest, BucketsFollowEachOtherWithoutGaps) {
  for (unsigned i = 1; i < Histogram::buckets; ++i)
    EXPECT_GT(Histogram::upper_bound(i), Histogram::upper_bound(i - 1)) << i;
  for (const Duration::rep value : {0, 1, 7, 8, 15, 16, 17, 1000, 65'535, 65'536, 10'000'000}) {
    Histogram one{};
    one.add(Duration(value));
    for (unsigned i = 0; i < Histogram::buckets; ++i) {
      if (one.bucket(i) == 0) continue;
      EXPECT_GT(Histogram::upper_bound(i), Duration(value));
      EXPECT_TRUE(i == 0 || Histogram::upper_bound(i - 1) <= Duration(value)) << value;
    }
  }
}

TEST_F(HistogramTest, WhatIsTooLongIsInTheLastBucket) {
  histogram->add(Duration::max());
  histogram->add(Duration(-5));
  EXPECT_EQ(histogram->bucket(Histogram::buckets - 1), 1U);
  EXPECT_EQ(histogram->bucket(0), 1U);
  EXPECT_GT(Histogram::upper_bound(Histogram::buckets - 1), std::chrono::hours(24));
}

}  // namespace
}  // namespace cgisrv::account
