#include "exec/run_diff.h"

#include <gmock/gmock.h>

#include <vector>

namespace cgisrv::exec {
namespace {

using Kind = RunDiff::Kind;
using Texts = std::vector<std::string>;

Kind kind(const Texts& cold, const Texts& warm) {
  return compare(cold, warm).kind;
}

TEST(RunDiff, TheSame) {
  EXPECT_EQ(kind({"", ""}, {""}), Kind::same);
  EXPECT_EQ(kind({"a\nb", "a\nb"}, {"a\nb", "a\nb"}), Kind::same);
  const auto found = compare(Texts{"a b\nc\n", "a b\nc\n"}, Texts{"a b\nc\n"});
  EXPECT_EQ(found.lines, 2U);
  EXPECT_EQ(found.words, 3U);
  EXPECT_EQ(found.masked_words, 0U);
}

TEST(RunDiff, SaysWhatDiffersAndWhere) {
  const auto found = compare(Texts{"a\nb 1\n", "a\nb 1\n"}, Texts{"a\nb 1\n", "a\nb 2\n"});
  EXPECT_EQ(found.kind, Kind::differs);
  EXPECT_EQ(found.line, 2U);
  EXPECT_EQ(found.cold, "b 1");
  EXPECT_EQ(found.warm, "b 2");
}

TEST(RunDiff, SeesWhatIsMissingOrTooMuch) {
  for (const char* warm : {"", "a\n", "a\nb", "a\nb\nc\n", "a\nb\n\n", "a b\n", "x\na\nb\n"})
    EXPECT_EQ(kind({"a\nb\n", "a\nb\n"}, {warm}), Kind::differs) << warm;
  EXPECT_EQ(kind({"", ""}, {"a"}), Kind::differs);
  const auto found = compare(Texts{"a\nb\n", "a\nb\n"}, Texts{"a\nb\nc\n"});
  EXPECT_EQ(found.line, 3U);
  EXPECT_EQ(found.cold, "");
  EXPECT_EQ(found.warm, "c");
  EXPECT_EQ(compare(Texts{"a\n", "a\n"}, Texts{"a"}).cold, "a\\x0a");
}

TEST(RunDiff, MasksTheWordsInWhichColdRunsDiffer) {
  const Texts cold = {"pid 17, name\n", "pid 18, name\n"};
  const auto found = compare(cold, Texts{"pid 1999, name\n", "pid 5, name\n"});
  EXPECT_EQ(found.kind, Kind::same);
  EXPECT_EQ(found.masked_words, 1U);
  EXPECT_EQ(found.masked_lines, 1U);
  EXPECT_EQ(found.masked, "17");
  for (const char* warm : {"pid 19, nome\n", "pid 19; name\n", "pid , name\n", "pid ., name\n",
                           "pid 19 20, name\n", "pid 19, name", ""})
    EXPECT_EQ(kind(cold, {warm}), Kind::differs) << warm;
}

TEST(RunDiff, WhereColdRunsHaveNotTheSameNumberOfWordsBothEndsAreCompared) {
  const Texts cold = {"took 1 s, in all\n", "took 2 ms and 1 us, in all\n"};
  EXPECT_EQ(kind(cold, {"took 12 ms, in all\n"}), Kind::same);
  EXPECT_EQ(kind(cold, {"took 12 ms, in none\n"}), Kind::differs);
  EXPECT_EQ(kind(cold, {"take 12 ms, in all\n"}), Kind::differs);
  EXPECT_EQ(kind(cold, {"took all\n"}), Kind::differs);
}

TEST(RunDiff, WhereColdRunsHaveNotTheSameNumberOfLinesBothEndsAreCompared) {
  const Texts cold = {"head\nx\ny\nfoot\n", "head\nz\nfoot\n"};
  const auto found = compare(cold, Texts{"head\na\nb\nc\nfoot\n", "head\nd\nfoot\n"});
  EXPECT_EQ(found.kind, Kind::same);
  EXPECT_EQ(found.masked_lines, 2U);
  EXPECT_EQ(found.masked_words, 2U);
  EXPECT_EQ(kind(cold, {"head\nx\nfeet\n"}), Kind::differs);
  EXPECT_EQ(kind(cold, {"foot\n"}), Kind::differs);
  EXPECT_EQ(compare(cold, Texts{"head\nx\nfeet\n"}).line, 4U);
}

TEST(RunDiff, WhatVariesColdAndStandsStillWarmIsFrozen) {
  const Texts cold = {"id 1234\n", "id 2345\n", "id 3456\n"};
  EXPECT_EQ(kind(cold, {"id 1500\n", "id 1501\n"}), Kind::same);
  const auto found = compare(cold, Texts{"id 1000\n", "id 1000\n"});
  EXPECT_EQ(found.kind, Kind::frozen);
  EXPECT_EQ(found.line, 1U);
  EXPECT_EQ(found.cold, "1234, 3456");
  EXPECT_EQ(found.warm, "1000");
  EXPECT_EQ(kind({"12:00:01\n", "12:00:02\n"}, {"11:59:58\n", "11:59:58\n"}), Kind::frozen);
  EXPECT_EQ(kind({"a\nxyz1\n", "xyz2\n"}, {"xyz0\n", "xyz0\n"}), Kind::frozen);
}

TEST(RunDiff, AClockThatColdRunsHaveSeenTooIsNotFrozen) {
  EXPECT_EQ(kind({"12:00:01\n", "12:00:02\n", "12:00:03\n"}, {"12:00:02\n", "12:00:02\n"}),
            Kind::same);
}

TEST(RunDiff, NeitherIsAnotherOrder) {
  EXPECT_EQ(
      kind({"alpha beta gamma", "beta gamma alpha"}, {"gamma alpha beta", "gamma alpha beta"}),
      Kind::same);
  EXPECT_EQ(kind({"alpha\nbeta\n", "beta\nalpha\n"}, {"beta\nalpha\n", "beta\nalpha\n"}),
            Kind::same);
}

TEST(RunDiff, NorAnAddressNorWhatIsTooShort) {
  EXPECT_EQ(kind({"at 0x7f001000", "at 0x7f002000"}, {"at 0x7f003000", "at 0x7f003000"}),
            Kind::same);
  EXPECT_EQ(kind({"rolled 1", "rolled 2"}, {"rolled 3", "rolled 3"}), Kind::same);
}

TEST(RunDiff, ShowsNoControlBytesAndNoLongLines) {
  const auto found = compare(Texts{"a\x1b[1m", "a\x1b[1m"}, Texts{std::string(5000, 'x')});
  EXPECT_EQ(found.cold, "a\\x1b[1m");
  EXPECT_EQ(found.warm, std::string(200, 'x') + "...");
}

}  // namespace
}  // namespace cgisrv::exec
