#include "net/socket_activation.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "../temporary_directory.h"

namespace cgisrv::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int first = 300;  // 3 is in use here

// A manager's work: descriptors in a row, and the variables.
void hand_over(std::vector<Fd> sockets, const char* names) {
  int number = first;
  for (const Fd& socket : sockets)
    ::dup2(socket.get(), number++);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names, 1);
}

template <typename... Sockets>
SocketActivation taken(const char* names, Sockets... sockets) {
  std::vector<Fd> all;
  (all.push_back(std::move(sockets)), ...);
  hand_over(std::move(all), names);
  return SocketActivation::take(first);
}

// As a manager opens it: blocking, and with no option set.
Fd listening(int family = AF_INET) {
  Fd socket(::socket(family, SOCK_STREAM, 0));
  EXPECT_EQ(::listen(socket.get(), 5), 0);
  return socket;
}

int option(const Fd& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(socket.get(), level, name, &value, &size);
  return value;
}

TEST(SocketActivation, IsClaimedByItsName) {
  auto sockets = taken("web:admin", listening(), listening(AF_INET6));
  const auto web = sockets.claim("web");
  ASSERT_TRUE(web) << web.error().what;
  ASSERT_EQ(web->size(), 1U);
  const Listener& listener = web->front();
  EXPECT_EQ(listener.socket.get(), first);
  EXPECT_TRUE(listener.activated);
  EXPECT_EQ(listener.address.family(), AF_INET);
  EXPECT_NE(listener.address.port(), 0);
  EXPECT_NE(::fcntl(first, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(first, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(option(listener.socket, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_GT(option(listener.socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 0);
  EXPECT_THAT(sockets.close_rest(), ElementsAre(testing::StartsWith("admin ([::]:")));
  EXPECT_EQ(::fcntl(first + 1, F_GETFD), -1);
}

TEST(SocketActivation, SeveralMayHaveOneName) {
  auto sockets = taken("web:other:web", listening(), listening(), listening());
  const auto web = sockets.claim("web");
  ASSERT_TRUE(web);
  ASSERT_EQ(web->size(), 2U);
  EXPECT_EQ((*web)[1].socket.get(), first + 2);
}

TEST(SocketActivation, HasANumberToo) {
  auto sockets = taken("", listening(), listening());
  const auto second = sockets.claim(std::to_string(first + 1));
  ASSERT_TRUE(second) << second.error().what;
  EXPECT_EQ(second->front().socket.get(), first + 1);
}

TEST(SocketActivation, AnUnknownNameIsToldWithThoseThatAreThere) {
  auto sockets = taken("web:admin", listening(), listening());
  const auto missing = sockets.claim("wep");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().what,
            "fd:wep: the service manager handed over no socket of that name; there are: "
            "web (descriptor 300), admin (descriptor 301)");
}

TEST(SocketActivation, OneSocketIsForOneListener) {
  auto sockets = taken("web", listening());
  const auto web = sockets.claim("web");
  EXPECT_TRUE(web);
  const auto again = sockets.claim("web");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().what, "fd:web: two listeners cannot have the same socket");
}

TEST(SocketActivation, WhatIsNoListeningSocketIsRefused) {
  const auto why = [](Fd socket) {
    auto sockets = taken("web", std::move(socket));
    const auto claimed = sockets.claim("web");
    return claimed ? std::string() : claimed.error().what;
  };
  EXPECT_THAT(why(Fd(::open("/dev/null", O_RDONLY))), HasSubstr("handed over is no socket"));
  EXPECT_THAT(why(Fd(::socket(AF_INET, SOCK_DGRAM, 0))), HasSubstr("use ListenStream="));
  EXPECT_THAT(why(Fd(::socket(AF_INET, SOCK_STREAM, 0))), HasSubstr("use Accept=no"));
  EXPECT_THAT(why(Fd(::socket(AF_NETLINK, SOCK_RAW, 0))), HasSubstr("neither a TCP nor a unix"));
}

TEST(SocketActivation, WhatIsForAnotherProcessIsLeftAlone) {
  std::vector<Fd> sockets;
  sockets.push_back(listening());
  hand_over(std::move(sockets), "web");
  ::setenv("LISTEN_PID", "1", 1);
  auto none = SocketActivation::take(first);
  EXPECT_THAT(none.close_rest(), IsEmpty());
  EXPECT_NE(::fcntl(first, F_GETFD), -1);
  const auto missing = none.claim("web");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().what, HasSubstr("; none was"));
  ::close(first);
}

TEST(SocketActivation, FewerThanAnnouncedAreNoHarm) {
  hand_over({}, "web:admin");
  ::setenv("LISTEN_FDS", "1000000", 1);
  EXPECT_THAT(SocketActivation::take(first).close_rest(), IsEmpty());
}

TEST(SocketActivation, NoProgramSeesTheVariables) {
  auto sockets = taken("web", listening());
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
    EXPECT_EQ(std::getenv(name), nullptr) << name;
}

}  // namespace
}  // namespace cgisrv::net
