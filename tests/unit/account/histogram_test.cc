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

TEST(Histogram, OfTheTimeBetweenTwoLooks) {
  const std::unique_ptr<Histogram> histogram = std::make_unique<Histogram>();
  for (int i = 0; i < 1000; ++i)
    histogram->add(Duration(5'000'000));
  const Histogram::Counts before = histogram->counts();
  for (int i = 0; i < 10; ++i)
    histogram->add(Duration(i < 9 ? 1000 : 100'000));
  const Histogram::Counts between = histogram->counts().since(before);
  EXPECT_EQ(between.count(), 10U);
  EXPECT_NEAR(static_cast<double>(between.percentile(0.5).count()), 1000, 1000. / 16);
  EXPECT_NEAR(static_cast<double>(between.percentile(0.99).count()), 100'000, 100'000. / 16);
  EXPECT_EQ(histogram->counts().since(histogram->counts()).percentile(0.5), Duration::zero());
  EXPECT_EQ(histogram->sum(), Duration(1000 * 5'000'000LL + 9 * 1000 + 100'000));
}

TEST(Histogram, HowManyWereShorter) {
  const std::unique_ptr<Histogram> histogram = std::make_unique<Histogram>();
  for (const int value : {0, 1, 1023, 1024, 4095, 4096})
    histogram->add(Duration(value));
  const Histogram::Counts counts = histogram->counts();
  EXPECT_EQ(counts.below(Duration(0)), 0U);
  EXPECT_EQ(counts.below(Duration(1024)), 3U);
  EXPECT_EQ(counts.below(Duration(4096)), 5U);
  EXPECT_EQ(counts.below(Duration::max()), 6U);
}

}  // namespace
}  // namespace cgisrv::account
