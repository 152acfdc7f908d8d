#include "warm/stamp.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

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

}  // namespace
}  // namespace cgisrv::warm
