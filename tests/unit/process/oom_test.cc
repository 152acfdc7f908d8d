#include "process/oom.h"

#include <gtest/gtest.h>

#include "../temporary_directory.h"

namespace cgisrv::process {
namespace {

TEST(OomKills, FindsTheCountInEitherFile) {
  TemporaryDirectory directory;
  EXPECT_EQ(OomKills(directory.file("events", 0600, "low 1\nmax 8\noom 4\noom_kill 3\n")).count(),
            3);
  EXPECT_EQ(OomKills(directory.file("vmstat", 0600, "pgfault 7\noom_kill 12\nswap 1\n")).count(),
            12);
}

TEST(OomKills, NothingIsCountedWhereNothingCan) {
  EXPECT_EQ(OomKills("/no/such/file").count(), 0);
}

TEST(OomKills, RecentCountIsReadOnceASecond) {
  TemporaryDirectory directory;
  OomKills kills(directory.file("vmstat", 0600, "oom_kill 1\n"));
  const TimePoint now = Clock::now();
  EXPECT_EQ(kills.recent_count(now), 1);
  directory.file("vmstat", 0600, "oom_kill 2\n");
  EXPECT_EQ(kills.recent_count(now + std::chrono::milliseconds(900)), 1);
  EXPECT_EQ(kills.count(), 2);
  EXPECT_EQ(kills.recent_count(now + std::chrono::milliseconds(1100)), 2);
}

}  // namespace
}  // namespace cgisrv::process
