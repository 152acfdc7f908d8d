#include "base/log_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "../temporary_directory.h"

namespace cgisrv::log {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> bytes;
  for (ssize_t size; (size = ::read(fd, bytes.data(), bytes.size())) > 0;)
    text.append(bytes.data(), static_cast<std::size_t>(size));
  return text;
}

class LogFile : public testing::Test {
 protected:
  LogFile() { static_cast<void>(take_losses(Kind::access, 0ms)); }
  ~LogFile() override { std::this_thread::sleep_for(pause); }

  static File open(const std::string& path) {
    return *File::make(Kind::access, *open_target(path));
  }
  static File on(int fd) { return *File::make(Kind::access, {"somewhere", Fd(::dup(fd))}); }

  // How long a log is left alone that could not be written.
  static constexpr auto pause = 130ms;
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/log";
  const std::uint64_t lost_before = lost(Kind::access);
};

TEST_F(LogFile, AppendsToAFileThatOnlyItsGroupMayRead) {
  open(path).write("one\n");
  EXPECT_TRUE(open(path).write("two\n"));
  EXPECT_EQ(content(path), "one\ntwo\n");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07027U, 0U);
}

TEST_F(LogFile, SaysWhatCannotBeOpened) {
  const auto target = open_target(directory.path());
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, EISDIR);
  EXPECT_THAT(target.error().what, HasSubstr(directory.path() + ": Is a directory"));
}

TEST_F(LogFile, IsOpenedAgainForAllProcesses) {
  File file = open(path);
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe(go.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::_exit(::read(go[0], &byte, 1) == 1 && file.write("child\n") ? 0 : 1);
  }
  ASSERT_EQ(std::rename(path.c_str(), (path + ".1").c_str()), 0);
  file.write("old\n");
  auto target = file.open_again();
  ASSERT_TRUE(target);
  file.write("old, too\n");
  ASSERT_TRUE(file.use(std::move(*target)));
  ASSERT_EQ(::write(go[1], "", 1), 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  file.write("parent\n");
  EXPECT_EQ(content(path + ".1"), "old\nold, too\n");
  EXPECT_EQ(content(path), "child\nparent\n");
}

TEST_F(LogFile, LossesAreCountedOverAllProcessesAndToldOnce) {
  File file = open("/dev/full");
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(file.write("lost\n") ? 1 : 0);
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(lost(Kind::access), lost_before + 3);
  EXPECT_EQ(lost(), lost(Kind::access) + lost(Kind::error));
  const auto losses = take_losses(Kind::access, 0ms);
  ASSERT_TRUE(losses);
  EXPECT_EQ(losses->lines, 3U);
  EXPECT_EQ(losses->reason, "No space left on device");
  EXPECT_FALSE(take_losses(Kind::access, 0ms));
}

TEST_F(LogFile, LossesAreNotToldAllTheTime) {
  File file = open("/dev/full");
  file.write("lost\n");
  ASSERT_TRUE(take_losses(Kind::access, 0ms));
  file.write("lost\n");
  EXPECT_FALSE(take_losses(Kind::access, 1h));
  const auto later = take_losses(Kind::access, 0ms);
  ASSERT_TRUE(later);
  put_back(Kind::access, *later);
  const auto again = take_losses(Kind::access, 1h);
  ASSERT_TRUE(again) << "nobody was told";
  EXPECT_EQ(again->lines, 1U);
}

TEST_F(LogFile, FullDiskIsLeftAloneForAWhile) {
  ::signal(SIGXFSZ, SIG_IGN);
  File file = open(path);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &none);
  EXPECT_FALSE(file.write("lost\n"));
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(file.write("soon after\n"));
  std::this_thread::sleep_for(pause);
  EXPECT_TRUE(file.write("later\n"));
  EXPECT_EQ(content(path), "later\n");
}

TEST_F(LogFile, AnotherFileIsNotLeftAlone) {
  File file = open("/dev/full");
  EXPECT_FALSE(file.write("lost\n"));
  ASSERT_TRUE(file.use(*open_target(path)));
  EXPECT_TRUE(file.write("at once\n"));
}

// A file that may not grow, as of a disk that is full in the middle of a line.
TEST_F(LogFile, LineThatWasCutIsEndedByTheNext) {
  ::signal(SIGXFSZ, SIG_IGN);
  File file = open(path);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{10, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_TRUE(file.write("whole\n"));
  EXPECT_FALSE(file.write("is cut\n"));
  std::this_thread::sleep_for(pause);
  EXPECT_FALSE(file.write("nothing of this\n"));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::this_thread::sleep_for(pause);
  File same = open(path);  // another log on the same file
  EXPECT_TRUE(same.write("next\n"));
  EXPECT_TRUE(file.write("last\n"));
  EXPECT_EQ(content(path), "whole\nis c\nnext\nlast\n");
  EXPECT_EQ(lost(Kind::access), lost_before + 2);
}

TEST_F(LogFile, FifoNeedsNoReaderAndKeepsWhatItHolds) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  File file = open(path);
  const std::string line = std::string(999, 'x') + "\n";
  int written = 0;
  while (file.write(line))
    ++written;
  EXPECT_GE(written, 50);
  EXPECT_EQ(take_losses(Kind::access, 0ms)->reason, "nobody reads it, or not fast enough");
  const Fd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK));
  EXPECT_EQ(read_all(reader.get()).size(), 1000U * static_cast<unsigned>(written));
  EXPECT_TRUE(file.write("next\n")) << "at once: a pipe costs nothing to ask again";
  EXPECT_EQ(read_all(reader.get()), "next\n");
}

TEST_F(LogFile, PipeOfSomebodyElseIsNotWaitedFor) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  File file = on(ends[1]);
  ASSERT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  const std::string line = std::string(999, 'x') + "\n";
  for (int i = 0; i < 200; ++i)
    file.write(line);
  EXPECT_GT(lost(Kind::access), lost_before);
  read_all(ends[0]);
  file.write("next\n");
  EXPECT_EQ(read_all(ends[0]), "next\n");
  EXPECT_EQ(::fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(LogFile, SocketIsNotWaitedFor) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  File file = on(ends[1]);
  const std::string line = std::string(999, 'x') + "\n";
  while (file.write(line)) {
  }
  ASSERT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  read_all(ends[0]);
  EXPECT_TRUE(file.write("next\n"));
  EXPECT_THAT(read_all(ends[0]), EndsWith("next\n"));
  ::close(ends[0]);
  EXPECT_FALSE(file.write("to nobody\n")) << "and no signal";
  ::close(ends[1]);
}

TEST_F(LogFile, JournalIsKnownByDeviceAndInode) {
  File file = open(path);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_FALSE(file.is_journal());
  ::setenv("JOURNAL_STREAM", fmt::format("{}:{}", status.st_dev, status.st_ino).c_str(), 1);
  EXPECT_TRUE(open(path).is_journal());
  EXPECT_FALSE(open(path + "2").is_journal());
  ::unsetenv("JOURNAL_STREAM");
}

}  // namespace
}  // namespace cgisrv::log
