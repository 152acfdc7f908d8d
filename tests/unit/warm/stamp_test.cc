#include "warm/stamp.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <fstream>

#include "../temporary_directory.h"

namespace cgisrv::warm {
namespace {

class StampOf : public testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path(name)) << text;
  }
  std::string path(const std::string& name) const { return directory.path() + "/" + name; }
  TemporaryDirectory directory;
};

TEST_F(StampOf, StaysWhileTheFileDoes) {
  write("a", "text");
  EXPECT_EQ(stamp_of(path("a")), stamp_of(path("a")));
  EXPECT_NE(stamp_of(path("a")), Stamp{});
}

TEST_F(StampOf, ChangesWhenTheFileIsReplacedByOneOfTheSameSizeAndTime) {
  write("a", "text");
  const Stamp before = stamp_of(path("a"));
  write("b", "next");
  struct stat status {};
  ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
  const timespec times[2] = {status.st_atim, status.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, path("b").c_str(), times, 0), 0);
  ASSERT_EQ(::rename(path("b").c_str(), path("a").c_str()), 0);
  EXPECT_NE(stamp_of(path("a")), before);
}

TEST_F(StampOf, ChangesWhenTheFileGrowsOrGoes) {
  write("a", "text");
  const Stamp before = stamp_of(path("a"));
  write("a", "texts");
  EXPECT_NE(stamp_of(path("a")), before);
  ASSERT_EQ(::unlink(path("a").c_str()), 0);
  EXPECT_EQ(stamp_of(path("a")), Stamp{});
}

TEST_F(StampOf, IsThatOfWhatALinkLeadsTo) {
  write("a", "text");
  ASSERT_EQ(::symlink(path("a").c_str(), path("link").c_str()), 0);
  EXPECT_EQ(stamp_of(path("link")), stamp_of(path("a")));
}

class ChangedSince : public StampOf {
 protected:
  // Later than all that has been changed so far.
  static std::int64_t now() {
    // Newer kernels date some changes by the exact clock, which is ahead.
    timespec exact{};
    ::clock_gettime(CLOCK_REALTIME, &exact);
    std::int64_t found = 0;
    while ((found = time_of_changes_ns()) <= exact.tv_sec * 1'000'000'000 + exact.tv_nsec)
      ::usleep(100);
    return found;
  }
};

TEST_F(ChangedSince, IsNotSaidOfWhatWasThereBefore) {
  write("a", "text");
  ASSERT_EQ(::symlink(path("a").c_str(), path("link").c_str()), 0);
  const auto began = now();
  EXPECT_FALSE(changed_since(path("a"), began));
  EXPECT_FALSE(changed_since(path("link"), began));
  EXPECT_FALSE(changed_since(path("none"), began));
}

TEST_F(ChangedSince, IsSaidOfAnEditWhateverDateItIsGiven) {
  write("a", "text");
  const auto began = now();
  write("a", "next");
  const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path("a").c_str(), times, 0), 0);
  EXPECT_TRUE(changed_since(path("a"), began));
}

TEST_F(ChangedSince, IsSaidOfAnEditInTheSameTickOfTheClock) {
  for (int i = 0; i < 100; ++i) {
    const auto began = time_of_changes_ns();
    write("a", "text");
    ASSERT_TRUE(changed_since(path("a"), began)) << i;
  }
}

TEST_F(ChangedSince, IsSaidOfWhatAnOlderFileWasRenamedTo) {
  write("a", "text");
  write("b", "next");
  const auto began = now();
  ASSERT_EQ(::rename(path("b").c_str(), path("a").c_str()), 0);
  EXPECT_TRUE(changed_since(path("a"), began));
}

TEST_F(ChangedSince, IsSaidWhereALinkOnTheWayLeadsElsewhereNow) {
  for (const auto* folder : {"one", "two"}) {
    ASSERT_EQ(::mkdir(path(folder).c_str(), 0755), 0);
    write(std::string(folder) + "/a", folder);
  }
  ASSERT_EQ(::symlink("one", path("current").c_str()), 0);
  const auto began = now();
  EXPECT_FALSE(changed_since(path("current/a"), began));
  ASSERT_EQ(::symlink("two", path("next").c_str()), 0);
  ASSERT_EQ(::rename(path("next").c_str(), path("current").c_str()), 0);
  EXPECT_TRUE(changed_since(path("current/a"), began));
  EXPECT_FALSE(changed_since(path("two/a"), began));
}

}  // namespace
}  // namespace cgisrv::warm
