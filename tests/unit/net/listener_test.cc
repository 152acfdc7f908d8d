#include "net/listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
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
