#include "net/listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "../temporary_directory.h"

namespace cgisrv::net {
namespace {

using testing::HasSubstr;

// Whether somebody answers there.
bool answers(const Address& address) {
  const Fd client(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(client.get(), address.data(), address.size()) == 0;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
}

TEST(Listener, PortZeroIsAnyAndTold) {
  const auto listener = listen("127.0.0.1:0");
  ASSERT_TRUE(listener) << listener.error().what;
  EXPECT_NE(listener->address.port(), 0);
  EXPECT_EQ(listener->address.host(), "127.0.0.1");
  EXPECT_TRUE(answers(listener->address));
  EXPECT_NE(::fcntl(listener->socket.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(listener->socket.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Listener, PortInUseIsSaidWithTheRemedy) {
  const auto first = listen("127.0.0.1:0");
  ASSERT_TRUE(first);
  const auto second = listen(first->address.text());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
  EXPECT_EQ(second.error().what,
            fmt::format("address {} is in use by net_test (pid {}); choose another, or end what "
                        "listens there",
                        first->address.text(), ::getpid()));
}

TEST(Listener, AddressOfAnotherMachine) {
  const auto listener = listen("192.0.2.1:0");  // RFC 5737: nobody's
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, EADDRNOTAVAIL);
  EXPECT_THAT(listener.error().what, HasSubstr("192.0.2.1:0 is not an address of this machine"));
}

TEST(Listener, NoAddressAtAll) {
  const auto listener = listen("nonsense");
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().what, HasSubstr("use ADDR:PORT"));
}

TEST(UnixListener, AnswersAndGoesWithItsFile) {
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/socket";
  const auto listener = listen("unix:" + path);
  ASSERT_TRUE(listener) << listener.error().what;
  EXPECT_TRUE(answers(listener->address));
  EXPECT_EQ(listener->address.text(), "unix:" + path);
  unlink_socket(listener->address);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(UnixListener, HasTheRightsThatItIsGiven) {
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/socket";
  for (const mode_t mode : {0666U, 0660U, 0606U, 0600U}) {
    const SocketRights rights{.mode = mode, .owner = ::geteuid(), .group = ::getegid()};
    const auto listener = listen("unix:" + path, rights);
    ASSERT_TRUE(listener) << listener.error().what;
    EXPECT_EQ(mode_of(path), mode);
    EXPECT_TRUE(has_rights(listener->address, rights));
    EXPECT_FALSE(has_rights(listener->address, {.mode = 0640}));
    EXPECT_FALSE(has_rights(listener->address, {.mode = mode, .group = ::getegid() + 1}));
    unlink_socket(listener->address);
    EXPECT_TRUE(has_rights(listener->address, {.mode = 0640})) << "there is none";
  }
}

TEST(UnixListener, RootGivesItAway) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/socket";
  const auto listener = listen("unix:" + path, {.mode = 0660, .owner = 1234, .group = 2345});
  ASSERT_TRUE(listener) << listener.error().what;
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 1234U);
  EXPECT_EQ(status.st_gid, 2345U);
  const std::string own = directory.path() + "/file";  // what follows is root's group's again
  ASSERT_TRUE(Fd(::open(own.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
  ASSERT_EQ(::stat(own.c_str(), &status), 0);
  EXPECT_EQ(status.st_gid, ::getegid());
}

TEST(UnixListener, OthersGiveItToTheirGroupsAlone) {
  if (::geteuid() == 0) GTEST_SKIP() << "root gives it to everybody";
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/socket";
  const auto listener = listen("unix:" + path, {.mode = 0660, .owner = ::geteuid() + 1});
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, EPERM);
  EXPECT_THAT(listener.error().what, HasSubstr("name a group that this user belongs to"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(UnixListener, StaleSocketIsReplaced) {
  const TemporaryDirectory directory;
  const auto text = "unix:" + directory.path() + "/socket";
  ASSERT_TRUE(listen(text));  // closed at once; its file stays
  ASSERT_TRUE(std::filesystem::exists(directory.path() + "/socket"));
  const auto listener = listen(text);
  ASSERT_TRUE(listener) << listener.error().what;
  EXPECT_TRUE(answers(listener->address));
}

TEST(UnixListener, OneThatStillAnswersIsNot) {
  const TemporaryDirectory directory;
  const auto text = "unix:" + directory.path() + "/socket";
  const auto first = listen(text);
  ASSERT_TRUE(first);
  const auto second = listen(text);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
  EXPECT_TRUE(answers(first->address));
}

TEST(UnixListener, OtherFilesStay) {
  TemporaryDirectory directory;
  const auto file = directory.file("precious", 0644, "data");
  const auto listener = listen("unix:" + file);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, EADDRINUSE);
  EXPECT_EQ(std::filesystem::file_size(file), 4U);
}

}  // namespace
}  // namespace cgisrv::net
