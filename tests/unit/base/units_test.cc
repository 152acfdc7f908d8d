#include "base/units.h"

#include <gtest/gtest.h>

namespace cgisrv {
namespace {

TEST(Units, AreParsed) {
  EXPECT_EQ(parse_size("0"), 0);
  EXPECT_EQ(parse_size("512"), 512);
  EXPECT_EQ(parse_size("16k"), 16384);
  EXPECT_EQ(parse_size("10M"), 10485760);
  EXPECT_EQ(parse_size("1g"), 1073741824);
  for (const auto* text : {"20m", "20mb", "20MB", "20Mb", "20MiB", "20mib"})
    EXPECT_EQ(parse_size(text), 20 << 20) << text;
  EXPECT_EQ(parse_size("20kb"), 20 << 10);
  EXPECT_EQ(parse_duration("500ms"), 500);
  EXPECT_EQ(parse_duration("10s"), 10'000);
  EXPECT_EQ(parse_duration("5m"), 300'000);
  EXPECT_EQ(parse_duration("1h"), 3'600'000);
  EXPECT_EQ(parse_duration("2d"), 172'800'000);
}

TEST(Units, AreNotGuessed) {
  for (const auto* text : {"", "k", "-1", "+1", "1 k", " 1", "1b", "1ib", "1mbb", "1mi", "1xb", "b",
                           "1.5m", "1s", "18446744073709551616", "18014398509481984k"})
    EXPECT_FALSE(parse_size(text)) << text;
  for (const auto* text : {"", "10", "s", "-1s", "1 s", "1sec", "1.5s", "99999999999999999999s"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Units, AreFormattedExactly) {
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1000), "1000");
  EXPECT_EQ(format_size(1536 * 1024), "1536k");
  EXPECT_EQ(format_size(2048ULL << 20), "2g");
  EXPECT_EQ(size_text(100), "100 bytes");
  EXPECT_EQ(size_text(10 << 20), "10m");
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(1500), "1500ms");
  EXPECT_EQ(format_duration(90'000), "90s");
  EXPECT_EQ(format_duration(86'400'000), "1d");
}

}  // namespace
}  // namespace cgisrv
