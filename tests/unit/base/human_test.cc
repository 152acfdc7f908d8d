#include "base/human.h"

#include <gtest/gtest.h>

namespace cgisrv::human {
namespace {

TEST(Human, Counts) {
  EXPECT_EQ(count(0), "0");
  EXPECT_EQ(count(999), "999");
  EXPECT_EQ(count(1000), "1.0k");
  EXPECT_EQ(count(1234), "1.2k");
  EXPECT_EQ(count(9950), "10k");
  EXPECT_EQ(count(45'678), "46k");
  EXPECT_EQ(count(999'499), "999k");
  EXPECT_EQ(count(999'500), "1.0M");
  EXPECT_EQ(count(UINT64_MAX), "18446744T") << "wide, but true";
}

TEST(Human, Bytes) {
  EXPECT_EQ(bytes(1023), "1023");
  EXPECT_EQ(bytes(4200), "4.1K");
  EXPECT_EQ(bytes(12 * 1024 * 1024), "12M");
  EXPECT_EQ(bytes(3ULL << 30), "3.0G");
}

TEST(Human, Rates) {
  EXPECT_EQ(rate(0), "0");
  EXPECT_EQ(rate(-1), "0");
  EXPECT_EQ(rate(0.254), "0.25");
  EXPECT_EQ(rate(0.996), "1.0");
  EXPECT_EQ(rate(12.34), "12.3");
  EXPECT_EQ(rate(99.96), "100");
  EXPECT_EQ(rate(1234), "1.2k");
}

TEST(Human, Percents) {
  EXPECT_EQ(percent(0), "0%");
  EXPECT_EQ(percent(0.0004), "0%");
  EXPECT_EQ(percent(0.004), "0.4%");
  EXPECT_EQ(percent(0.451), "45%");
  EXPECT_EQ(percent(2.3), "230%");
}

TEST(Human, Durations) {
  EXPECT_EQ(duration(0), "-");
  EXPECT_EQ(duration(0.00085), "850us");
  EXPECT_EQ(duration(0.0009999), "1.0ms");
  EXPECT_EQ(duration(0.0124), "12ms");
  EXPECT_EQ(duration(0.9996), "1.0s");
  EXPECT_EQ(duration(45.2), "45s");
  EXPECT_EQ(duration(720), "12m");
}

TEST(Human, Ages) {
  EXPECT_EQ(age(-1), "0s");
  EXPECT_EQ(age(1e300), age(1e15));
  EXPECT_EQ(age(0.4), "0s");
  EXPECT_EQ(age(59.9), "59s");
  EXPECT_EQ(age(723), "12m 3s");
  EXPECT_EQ(age(3 * 3600 + 12 * 60 + 59), "3h 12m");
  EXPECT_EQ(age(5 * 86400 + 3 * 3600), "5d 3h");
}

}  // namespace
}  // namespace cgisrv::human
