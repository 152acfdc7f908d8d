#include "base/rare_lines.h"

#include <gtest/gtest.h>

namespace cgisrv::log {
namespace {

using namespace std::chrono_literals;

TEST(RareLines, OnePassesInEachInterval) {
  RareLines lines(10s);
  const RareLines::Clock::time_point now{1h};
  EXPECT_TRUE(lines.pass(now));
  EXPECT_FALSE(lines.pass(now));
  EXPECT_FALSE(lines.pass(now + 9s));
  EXPECT_TRUE(lines.pass(now + 10s));
  EXPECT_FALSE(lines.pass(now + 19s));
}

TEST(RareLines, TheFirstPassesHoweverShortlyTheMachineHasRun) {
  RareLines lines(1min);
  EXPECT_TRUE(lines.pass(RareLines::Clock::time_point{1s}));
}

TEST(RareLines, WhatPassesSaysHowManyWereLeftOut) {
  RareLines lines(10s);
  const RareLines::Clock::time_point now{1h};
  EXPECT_TRUE(lines.pass(now));
  EXPECT_EQ(lines.left_out(), "");
  lines.pass(now + 1s);
  lines.pass(now + 2s);
  EXPECT_TRUE(lines.pass(now + 10s));
  EXPECT_EQ(lines.left_out(), " (and 2 such lines before it that were not logged)");
  EXPECT_TRUE(lines.pass(now + 20s));
  EXPECT_EQ(lines.left_out(), "");
}

}  // namespace
}  // namespace cgisrv::log
