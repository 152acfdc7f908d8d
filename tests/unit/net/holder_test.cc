#include "net/holder.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "../temporary_directory.h"
#include "net/listener.h"

namespace cgisrv::net {
namespace {

// Whoever wants it there learns that we have it.
void expect_ours(const std::string& wanted) {
  const auto address = parse_address(wanted);
  ASSERT_TRUE(address);
  EXPECT_EQ(listen_error(*address), EADDRINUSE) << wanted;
  const Holder holder = holder_of(*address);
  EXPECT_EQ(holder.pid, ::getpid()) << wanted;
  EXPECT_EQ(holder.name, "net_test") << wanted;
}

TEST(Holder, OfAPortIsFoundByEveryAddressThatIncludesIt) {
  const auto listener = listen("127.0.0.1:0");
  ASSERT_TRUE(listener);
  const auto port = std::to_string(listener->address.port());
  expect_ours("127.0.0.1:" + port);
  expect_ours("0.0.0.0:" + port);
  expect_ours(":" + port);
}

TEST(Holder, OfEveryInterfaceHasIPv4Besides) {
  const auto listener = listen(":0");
  if (!listener) GTEST_SKIP() << "no IPv6 here";
  const auto port = std::to_string(listener->address.port());
  expect_ours("127.0.0.1:" + port);
  expect_ours("[::1]:" + port);
}

TEST(Holder, OfAUnixSocketWithASpace) {
  const TemporaryDirectory directory;
  const auto listener = listen("unix:" + directory.path() + "/a socket");
  ASSERT_TRUE(listener);
  expect_ours(listener->address.text());
}

TEST(Holder, OfSeveralIsTheirParent) {
  const auto listener = listen("127.0.0.1:0");
  ASSERT_TRUE(listener);
  const pid_t child = ::fork();
  if (child == 0)
    for (;;)
      ::pause();
  EXPECT_EQ(holder_of(listener->address).pid, ::getpid());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(Holder, NobodyHoldsWhatIsFree) {
  const TemporaryDirectory directory;
  const auto stale = "unix:" + directory.path() + "/socket";
  ASSERT_TRUE(listen(stale));  // closed at once; its file stays
  for (const std::string& each : {stale, std::string("127.0.0.1:0")}) {
    const auto address = parse_address(each);
    ASSERT_TRUE(address);
    EXPECT_EQ(holder_of(*address).pid, 0) << each;
    EXPECT_EQ(listen_error(*address), 0) << each;
  }
}

TEST(Holder, ItsNameDrivesNoTerminal) {
  const auto address = parse_address("127.0.0.1:80");
  EXPECT_EQ(in_use(*address, {.pid = 7, .name = "\033[2J"}),
            "address 127.0.0.1:80 is in use by \\x1b[2J (pid 7); choose another, or end what "
            "listens there");
  EXPECT_EQ(in_use(*address, {}),
            "address 127.0.0.1:80 is in use; choose another, or end what listens there");
}

}  // namespace
}  // namespace cgisrv::net
