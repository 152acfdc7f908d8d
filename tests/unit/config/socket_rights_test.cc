// Who may connect to a listener.
#include "config/socket_rights.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include "config_fixture.h"

namespace cgisrv::config {
namespace {

constexpr auto unchanged = net::SocketRights::unchanged;

net::SocketRights rights_of(const ListenerOptions& listen, const ServerOptions& server = {}) {
  return socket_rights(listen, server);
}

using SocketRightsTest = ConfigTest;

TEST_F(SocketRightsTest, HttpIsForEverybodyAndGatewaysForTheServersGroup) {
  EXPECT_EQ(rights_of({}).mode, 0666U);
  EXPECT_EQ(rights_of({}, {.user = "nobody"}).group, unchanged);
  for (const Protocol protocol : {Protocol::fastcgi, Protocol::scgi}) {
    const ListenerOptions listen{.protocol = protocol};
    EXPECT_EQ(rights_of(listen).mode, 0660U);
    EXPECT_EQ(rights_of(listen).owner, unchanged);
    EXPECT_EQ(rights_of(listen).group, unchanged);
    const gid_t expected = ::geteuid() == 0 ? ::getpwnam("nobody")->pw_gid : unchanged;
    EXPECT_EQ(rights_of(listen, {.user = "nobody"}).group, expected);
  }
}

TEST_F(SocketRightsTest, AreAsTheKeysSay) {
  const Config config = good(
      "[[listen]]\naddress = 'unix:/run/x'\nmode = '0620'\nowner = 'nobody'\ngroup = 'root'\n"
      "[[site]]\nroot = 'www'");
  const auto rights = socket_rights(config.listen.at(0), config.server);
  EXPECT_EQ(rights.mode, 0620U);
  EXPECT_EQ(rights.owner, ::getpwnam("nobody")->pw_uid);
  EXPECT_EQ(rights.group, 0U);
}

}  // namespace
}  // namespace cgisrv::config
