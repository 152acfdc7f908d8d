#include "cgi/spool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "../temporary_directory.h"

namespace cgisrv::cgi {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() { ::setenv("TMPDIR", directory.path().c_str(), 1); }
  ~SpoolTest() override { ::unsetenv("TMPDIR"); }
  static std::string where(const Fd& file) {
    std::array<char, 256> link{};
    const auto path = "/proc/self/fd/" + std::to_string(file.get());
    return ::readlink(path.c_str(), link.data(), link.size() - 1) > 0 ? link.data() : "";
  }
  static std::string content(const Fd& file) {
    EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 0);  // a program reads from the start
    std::string text;
    std::array<char, 4096> bytes;
    for (ssize_t size; (size = ::read(file.get(), bytes.data(), bytes.size())) > 0;)
      text.append(bytes.data(), static_cast<std::size_t>(size));
    return text;
  }
  TemporaryDirectory directory;
};

TEST_F(SpoolTest, SmallOnesStayInMemory) {
  Spool spool(10);
  ASSERT_TRUE(spool.append("hello"));
  ASSERT_TRUE(spool.append("world"));
  EXPECT_EQ(spool.size(), 10U);
  const auto file = spool.take();
  ASSERT_TRUE(file);
  EXPECT_THAT(where(*file), StartsWith("/memfd:"));
  EXPECT_EQ(content(*file), "helloworld");
  EXPECT_NE(::fcntl(file->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(SpoolTest, LargerOnesGoToAnUnnamedFile) {
  Spool spool(10);
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const auto piece = std::to_string(i) + ";";
    all += piece;
    ASSERT_TRUE(spool.append(piece));
  }
  EXPECT_EQ(spool.size(), all.size());
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));  // nothing to clean up
  const auto file = spool.take();
  ASSERT_TRUE(file);
  EXPECT_THAT(where(*file), StartsWith(directory.path()));
  EXPECT_EQ(content(*file), all);
  struct stat status {};
  ASSERT_EQ(::fstat(file->get(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(SpoolTest, NothingIsAnEmptyFile) {
  Spool spool(10);
  const auto file = spool.take();
  ASSERT_TRUE(file);
  EXPECT_EQ(content(*file), "");
}

TEST_F(SpoolTest, IsEmptyAndInMemoryAgainOnceTaken) {
  Spool spool(4);
  ASSERT_TRUE(spool.append("first"));
  ASSERT_TRUE(spool.take());
  EXPECT_EQ(spool.size(), 0U);
  ASSERT_TRUE(spool.append("two"));
  auto file = spool.take();
  ASSERT_TRUE(file);
  EXPECT_THAT(where(*file), StartsWith("/memfd:"));
  EXPECT_EQ(content(*file), "two");
  ASSERT_TRUE(spool.append("third"));
  file = spool.take();
  ASSERT_TRUE(file);
  EXPECT_THAT(where(*file), StartsWith(directory.path()));
}

TEST_F(SpoolTest, FolderThatIsMissingIsNamed) {
  ::setenv("TMPDIR", "/no/such/folder", 1);
  Spool spool(4);
  ASSERT_TRUE(spool.append("1234"));
  const auto kept = spool.append("5");
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, ENOENT);
  EXPECT_THAT(kept.error().what, HasSubstr("/no/such/folder"));
}

}  // namespace
}  // namespace cgisrv::cgi
