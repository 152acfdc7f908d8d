#include "cgi/spool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
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
  static std::string rest(Spool& spool, std::size_t piece_max) {
    std::string text;
    std::array<char, 64> scratch{};
    while (spool.size() > 0) {
      const auto piece = spool.front(scratch);
      if (!piece || piece->empty()) return text + "...";
      text += piece->substr(0, piece_max);
      spool.drop(std::min(piece->size(), piece_max));
    }
    return text;
  }
  TemporaryDirectory directory;
  SpoolMemory shared{1000};
};

TEST_F(SpoolTest, SmallOnesStayInMemory) {
  Spool spool(10, shared);
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
  Spool spool(10, shared);
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
  Spool spool(10, shared);
  const auto file = spool.take();
  ASSERT_TRUE(file);
  EXPECT_EQ(content(*file), "");
}

TEST_F(SpoolTest, IsEmptyAndInMemoryAgainOnceTaken) {
  Spool spool(4, shared);
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

TEST_F(SpoolTest, ComesOutInPiecesFromWhereverItIs) {
  std::string all;
  for (int i = 0; i < 100; ++i)
    all += std::to_string(i) + ";";
  for (const std::uint64_t memory_max : {1000, 10}) {
    Spool spool(memory_max, shared);
    ASSERT_TRUE(spool.append(std::string_view(all).substr(0, 7)));
    ASSERT_TRUE(spool.append(std::string_view(all).substr(7)));
    EXPECT_EQ(rest(spool, 5), all);
    EXPECT_EQ(shared.left(), 1000U) << "what has come out takes no memory";
  }
}

// Fault 8: thousands of bodies at a time must not take all of the memory.
TEST_F(SpoolTest, AllTogetherTakeNoMoreThanTheyMay) {
  Spool first(600, shared);
  ASSERT_TRUE(first.append(std::string(600, 'x')));
  {
    Spool second(600, shared);
    ASSERT_TRUE(second.append(std::string(400, 'y')));
    EXPECT_EQ(shared.left(), 0U);
    ASSERT_TRUE(second.append("z"));
    EXPECT_EQ(shared.left(), 400U) << "it is on disk";
    EXPECT_EQ(rest(second, 1000), std::string(400, 'y') + "z");
  }
  Spool third(600, shared);
  ASSERT_TRUE(third.append(std::string(400, 'y')));
  ASSERT_TRUE(third.take());
  EXPECT_EQ(shared.left(), 0U) << "the kernel has it";
}

TEST_F(SpoolTest, FolderThatIsMissingIsNamed) {
  ::setenv("TMPDIR", "/no/such/folder", 1);
  Spool spool(4, shared);
  ASSERT_TRUE(spool.append("1234"));
  const auto kept = spool.append("5");
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, ENOENT);
  EXPECT_THAT(kept.error().what, HasSubstr("/no/such/folder"));
}

// As a full disk, which a test cannot have without being root.
TEST_F(SpoolTest, WhatAFileMayNotHoldIsSaidWithItsFolderAndARemedy) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit lower{.rlim_cur = 8, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &lower), 0);
  Spool spool(4, shared);
  const auto kept = spool.append("more than eight bytes");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, EFBIG);
  EXPECT_EQ(kept.error().what, "spooling a request body in " + directory.path() +
                                   ": File too large; raise the server's limit of file sizes");
}

}  // namespace
}  // namespace cgisrv::cgi
