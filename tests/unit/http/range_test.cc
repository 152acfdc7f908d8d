#include "http/range.h"

#include <gtest/gtest.h>

#include <string>

namespace cgisrv::http {
namespace {

using Kind = RangeSet::Kind;
using Ranges = std::vector<ByteRange>;

Ranges ranges(std::string_view field, std::uint64_t size = 100) {
  const auto set = parse_range(field, size);
  EXPECT_EQ(set.kind, Kind::ranges) << field;
  return set.ranges;
}

Kind kind(std::string_view field, std::uint64_t size = 100) {
  return parse_range(field, size).kind;
}

TEST(Rfc9110_14_1_2, OneRange) {
  EXPECT_EQ(ranges("bytes=0-9"), (Ranges{{0, 9}}));
  EXPECT_EQ(ranges("bytes=90-"), (Ranges{{90, 99}}));
  EXPECT_EQ(ranges("bytes=-10"), (Ranges{{90, 99}}));
  EXPECT_EQ(ranges("bytes=99-99"), (Ranges{{99, 99}}));
  EXPECT_EQ(ranges("BYTES= , 1-2 ,"), (Ranges{{1, 2}}));
}

TEST(Rfc9110_14_1_2, TheEndIsCutToTheSize) {
  EXPECT_EQ(ranges("bytes=50-1000"), (Ranges{{50, 99}}));
  EXPECT_EQ(ranges("bytes=50-99999999999999999999999"), (Ranges{{50, 99}}));
}

TEST(Rfc9110_14_1_2, ASuffixLongerThanTheFileIsAllOfIt) {
  EXPECT_EQ(ranges("bytes=-1000"), (Ranges{{0, 99}}));
  EXPECT_EQ(ranges("bytes=-99999999999999999999999"), (Ranges{{0, 99}}));
}

TEST(Rfc9110_14_1_2, PastTheEndIsUnsatisfiable) {
  EXPECT_EQ(kind("bytes=100-"), Kind::unsatisfiable);
  EXPECT_EQ(kind("bytes=100-200,300-"), Kind::unsatisfiable);
  EXPECT_EQ(kind("bytes=-0"), Kind::unsatisfiable);
  EXPECT_EQ(kind("bytes=99999999999999999999999-"), Kind::unsatisfiable);
  EXPECT_EQ(kind("bytes=0-", 0), Kind::unsatisfiable);
  EXPECT_EQ(ranges("bytes=100-,0-0"), (Ranges{{0, 0}})) << "one that can be satisfied is enough";
}

TEST(Rfc9110_14_1_2, TheLastBytesOfNothingAreNothing) {
  EXPECT_EQ(kind("bytes=-5", 0), Kind::ignore);
}

TEST(Rfc9110_14_2, UnknownUnitsAndSyntaxErrorsAreIgnored) {
  for (const auto* field :
       {"", "bytes", "bytes=", "bytes=,", "lines=0-1", "bytes 0-1", "bytes =0-1", "bytes=-",
        "bytes=5", "bytes=a-b", "bytes=1-0", "bytes=0-1,2-1", "bytes=+1-2", "bytes=1 - 2",
        "bytes=1-2-3", "bytes=--1", "bytes=0x1-2", "bytes=0-1;2-3"}) {
    EXPECT_EQ(kind(field), Kind::ignore) << field;
  }
}

// Fault 33.
TEST(Rfc9110_15_3_7_2, RangesStayInTheOrderInWhichTheyWereAskedFor) {
  EXPECT_EQ(ranges("bytes=-2, 10-12, 0-1"), (Ranges{{98, 99}, {10, 12}, {0, 1}}));
  EXPECT_EQ(ranges("bytes=90-,200-300,5-5"), (Ranges{{90, 99}, {5, 5}}));
}

TEST(Rfc9110_15_3_7_2, OverlappingAndAdjacentRangesAreMergedWhereTheFirstWas) {
  EXPECT_EQ(ranges("bytes=50-59,0-9,5-14,15-19"), (Ranges{{50, 59}, {0, 19}}));
  EXPECT_EQ(ranges("bytes=5-9,50-59,0-4,30-31"), (Ranges{{0, 9}, {50, 59}, {30, 31}}));
  EXPECT_EQ(ranges("bytes=0-,0-,0-"), (Ranges{{0, 99}}));
  EXPECT_EQ(ranges("bytes=0-50,10-20"), (Ranges{{0, 50}}));
  EXPECT_EQ(ranges("bytes=0-1,3-4"), (Ranges{{0, 1}, {3, 4}}));
}

// Fault 32.
TEST(Rfc9110_17_15, ManyRangesAreNotWorthIt) {
  const auto apart = [](std::size_t count) {
    std::string field = "bytes=";
    for (std::size_t i = 0; i < 2 * count; i += 2) {
      field += std::to_string(i) + "-" + std::to_string(i) + ",";
    }
    return field;
  };
  EXPECT_EQ(ranges(apart(ranges_max), 5000).size(), ranges_max);
  EXPECT_EQ(kind(apart(ranges_max + 1), 5000), Kind::ignore);
  EXPECT_EQ(kind(apart(1000), 5000), Kind::ignore);
  std::string same = "bytes=";
  for (std::size_t i = 0; i < ranges_max; ++i)
    same += "0-,";
  EXPECT_EQ(ranges(same), (Ranges{{0, 99}}));
  EXPECT_EQ(kind(same + "0-"), Kind::ignore);
}

}  // namespace
}  // namespace cgisrv::http
