#include "files/encoded_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "../temporary_directory.h"

namespace cgisrv::files {
namespace {

using encoding::Coding;
using testing::Optional;

class EncodedFileTest : public testing::Test {
 protected:
  EncodedFileTest() { dated("page.html", 1000); }
  void dated(const std::string& name, std::time_t seconds, long nanoseconds = 0) {
    const timespec times[2] = {{0, UTIME_OMIT}, {seconds, nanoseconds}};
    EXPECT_EQ(::utimensat(AT_FDCWD, folder.file(name, 0644, name).c_str(), times, 0), 0);
  }
  std::optional<Coding> found(Links links = Links::follow) {
    const Tree tree{folder.path(), links};
    const std::string path = folder.path() + "/page.html";
    struct stat original {};
    EXPECT_EQ(tree.examine(path, original), 0);
    for (const Coding coding : encoding::smallest_first) {
      const auto file = find_encoded(tree, path, original, coding);
      if (!file) continue;
      char first = 0;
      EXPECT_EQ(::read(file->fd.get(), &first, 1), 1);
      EXPECT_GT(file->status.st_size, 0);
      return coding;
    }
    return {};
  }
  TemporaryDirectory folder;
};

TEST_F(EncodedFileTest, ItHasTheNameOfTheFileAndAnEnding) {
  EXPECT_EQ(found(), std::nullopt);
  dated("page.html.gz", 1000);
  EXPECT_THAT(found(), Optional(Coding::gzip));
  dated("page.html.zst", 2000);
  EXPECT_THAT(found(), Optional(Coding::zstd));
  dated("page.html.br", 1000);
  EXPECT_THAT(found(), Optional(Coding::br));
}

TEST_F(EncodedFileTest, AnOlderOneIsPassedOver) {
  dated("page.html", 1000, 2);
  dated("page.html.gz", 1000, 1);
  EXPECT_EQ(found(), std::nullopt) << "made before the file was written again";
  dated("page.html.gz", 1000, 2);
  EXPECT_THAT(found(), Optional(Coding::gzip));
  dated("page.html.gz", 1000);
  EXPECT_THAT(found(), Optional(Coding::gzip)) << "a tool has dropped the fraction";
  dated("page.html.gz", 999, 3);
  EXPECT_EQ(found(), std::nullopt);
}

TEST_F(EncodedFileTest, ItIsAFileThatMayBeRead) {
  folder.directory("page.html.gz");
  EXPECT_EQ(found(), std::nullopt);
  dated("page.html.zst", 1000);
  ::chmod((folder.path() + "/page.html.zst").c_str(), 0);
  const Unprivileged nobody;
  EXPECT_EQ(found(), std::nullopt);
}

TEST_F(EncodedFileTest, LinksAreFollowedAsTheTreeSays) {
  dated("elsewhere", 1000);
  ASSERT_EQ(::symlink("elsewhere", (folder.path() + "/page.html.gz").c_str()), 0);
  EXPECT_THAT(found(), Optional(Coding::gzip));
  EXPECT_EQ(found(Links::never), std::nullopt);
}

}  // namespace
}  // namespace cgisrv::files
