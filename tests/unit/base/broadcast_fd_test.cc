#include "base/broadcast_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <functional>

#include "../temporary_directory.h"

namespace cgisrv {
namespace {

class BroadcastFdTest : public testing::Test {
 protected:
  Fd make(const std::string& name) const {
    return Fd(::open((directory.path() + "/" + name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }
  bool is(int fd, const std::string& name) const {
    struct stat file {};
    struct stat named {};
    return ::fstat(fd, &file) == 0 &&
           ::stat((directory.path() + "/" + name).c_str(), &named) == 0 &&
           file.st_ino == named.st_ino;
  }
  TemporaryDirectory directory;
};

// Runs in a child; what it returns is its exit status.
pid_t in_child(const std::function<bool()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body() ? 0 : 1);
  return pid;
}

bool succeeds(pid_t pid) {
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(BroadcastFdTest, IsTheFirstUntilItIsReplaced) {
  BroadcastFd common = *BroadcastFd::make(make("first"));
  EXPECT_FALSE(common.renew());
  EXPECT_TRUE(is(common.get(), "first"));
  ASSERT_TRUE(common.replace(make("second")));
  EXPECT_TRUE(is(common.get(), "second"));
  EXPECT_FALSE(common.renew()) << "who replaced it has it";
}

TEST_F(BroadcastFdTest, ChildrenFollow) {
  BroadcastFd common = *BroadcastFd::make(make("first"));
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe(go.data()), 0);
  std::array<pid_t, 3> children{};
  for (pid_t& child : children)
    child = in_child([&] {
      ClosedInChild::close_all();
      char byte = 0;
      return ::read(go[0], &byte, 1) == 1 && is(common.get(), "first") && common.renew() &&
             is(common.get(), "third") && !common.renew();
    });
  ASSERT_TRUE(common.replace(make("second")));
  ASSERT_TRUE(common.replace(make("third"))) << "one in between that nobody looked at";
  ASSERT_EQ(::write(go[1], "...", 3), 3);
  for (const pid_t child : children)
    EXPECT_TRUE(succeeds(child));
  EXPECT_TRUE(succeeds(in_child([&] { return !common.renew() && is(common.get(), "third"); })))
      << "of a later fork";
}

ino_t inode(int fd) {
  struct stat file {};
  return ::fstat(fd, &file) == 0 ? file.st_ino : 0;
}

// Sanitizers look at objects through a pipe, so the child that can have none asks for little.
TEST_F(BroadcastFdTest, ChildThatHasNoNumberFreeFollowsToo) {
  Fd second = make("second");
  const ino_t wanted = inode(second.get());
  BroadcastFd common = *BroadcastFd::make(make("first"));
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe(go.data()), 0);
  const pid_t child = in_child([&] {
    const rlimit none{3, 3};  // of those that are open, none above may be given out again
    ::setrlimit(RLIMIT_NOFILE, &none);
    char byte = 0;
    return ::read(go[0], &byte, 1) == 1 && ::dup(0) < 0 && !common.renew() && !common.renew();
  });
  const pid_t full = in_child([&] {
    while (::dup(0) >= 0) {
    }
    char byte = 0;
    return ::read(go[0], &byte, 1) == 1 && common.renew() && inode(common.get()) == wanted;
  });
  ASSERT_TRUE(common.replace(std::move(second)));
  ASSERT_EQ(::write(go[1], "..", 2), 2);
  EXPECT_TRUE(succeeds(full));
  EXPECT_TRUE(succeeds(child)) << "with nothing to be had, it says so and goes on";
}

TEST_F(BroadcastFdTest, ChildCannotReplaceIt) {
  BroadcastFd common = *BroadcastFd::make(make("first"));
  EXPECT_TRUE(succeeds(in_child([&] {
    ClosedInChild::close_all();
    return !common.replace(make("second")) && is(common.get(), "first");
  })));
  EXPECT_FALSE(common.renew());
}

TEST_F(BroadcastFdTest, LeavesNoDescriptorBehind) {
  const auto open_ones = [] {
    int count = 0;
    for (int fd = 0; fd < 256; ++fd)
      count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  const int before = open_ones();
  {
    BroadcastFd common = *BroadcastFd::make(make("first"));
    for (int i = 0; i < 50; ++i)
      ASSERT_TRUE(common.replace(make("other")));
    EXPECT_EQ(open_ones(), before + 3);
  }
  EXPECT_EQ(open_ones(), before);
}

}  // namespace
}  // namespace cgisrv
