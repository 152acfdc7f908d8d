// Who may connect to a listener.
#include "config/socket_rights.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "config_fixture.h"

namespace cgisrv::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto unchanged = net::SocketRights::unchanged;

net::SocketRights rights_of(const ListenerOptions& listen, const ServerOptions& server = {}) {
  return socket_rights(listen, server);
}

class SocketRightsTest : public ConfigTest {
 protected:
  std::vector<std::string> listen_faults(std::string_view keys) {
    return faults_before_site("[[listen]]\n" + std::string(keys));
  }
};

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

TEST_F(SocketRightsTest, NeedASocketThatTheServerMakes) {
  EXPECT_THAT(listen_faults("address = ':80'\nmode = '0660'"),
              ElementsAre(HasSubstr("'mode' is for a unix socket that the server makes itself")));
  EXPECT_THAT(listen_faults("address = 'fd:x'\ngroup = 'root'"),
              ElementsAre(HasSubstr("SocketGroup= in the socket's unit")));
  EXPECT_THAT(listen_faults("address = 'unix:/run/x'\nmode = '0860'"),
              ElementsAre(HasSubstr("write octal digits in quotes, such as \"0660\"")));
  EXPECT_THAT(listen_faults("address = 'unix:/run/x'\nowner = 'no-such-user'"),
              ElementsAre(HasSubstr("there is no user \"no-such-user\"")));
  EXPECT_THAT(listen_faults("address = 'unix:/run/x'\ngroup = 'no-such-group'"),
              ElementsAre(HasSubstr("there is no group \"no-such-group\"")));
}

TEST_F(SocketRightsTest, AllowIsForAddresses) {
  const Config config = good(
      "[[listen]]\naddress = ':80'\nallow = ['192.0.2.0/24', 'local']\n[[site]]\nroot = 'www'");
  EXPECT_EQ(config.listen.at(0).allow->text(), R"(["192.0.2.0/24", "local"])");
  EXPECT_FALSE(ListenerOptions().allow);
  EXPECT_THAT(
      listen_faults("address = 'unix:/run/x'\nallow = ['unix']"),
      ElementsAre("3:9: 'allow' is for addresses, and unix:/run/x is a unix socket; 'mode', "
                  "'owner' and 'group' say who may connect to it"));
  EXPECT_THAT(listen_faults("address = ':80'\nallow = ['10.0.0.1/8']"),
              ElementsAre(HasSubstr("write \"10.0.0.0/8\" for the network")));
}

TEST_F(SocketRightsTest, ADoorForEverybodyIsNoted) {
  const auto notes = [&](const std::string& keys) {
    return with_site("[[listen]]\nprotocol = 'fastcgi'\nprograms = ['www']\n" + keys).notes;
  };
  EXPECT_THAT(notes("address = ':9000'"),
              ElementsAre(HasSubstr("whoever reaches :9000 names programs, and the users for whom "
                                    "they run; let in the web server alone, allow = [")));
  EXPECT_THAT(notes("address = ':9000'\nallow = ['192.0.2.7']"), IsEmpty());
  EXPECT_THAT(notes("address = '127.0.0.1:9000'"), IsEmpty());
}

TEST_F(SocketRightsTest, OnlyFastcgiHasAWayForErrors) {
  EXPECT_THAT(listen_faults("protocol = 'scgi'\nerrors_to_web_server = true"),
              ElementsAre(HasSubstr("is for protocol = \"fastcgi\"")));
  EXPECT_THAT(listen_faults("protocol = 'fastcgi'\nerrors_to_web_server = true"), IsEmpty());
}

TEST_F(SocketRightsTest, RequestIdsAreSaidOfTheProxyProtocolAlone) {
  EXPECT_THAT(listen_faults("address = ':80'\nrequest_ids = true"),
              ElementsAre(HasSubstr("'request_ids' is for proxy_protocol = true")));
}

TEST_F(SocketRightsTest, AreNotedWhereAWebServerMayBeKeptOut) {
  const auto notes = [&](const std::string& user, const std::string& keys) {
    return good("[server]\nuser = '" + user + "'\n[[listen]]\naddress = 'unix:/run/x'\n" + keys +
                "\n[[site]]\nroot = 'www'\n[[site.location]]\nmatch = '/x/'\ncgi = true")
        .notes;
  };
  EXPECT_THAT(notes("nobody", "protocol = 'scgi'"),
              ElementsAre(HasSubstr("name its group: group = \"www-data\"")));
  EXPECT_THAT(notes("nobody", "protocol = 'scgi'\nmode = '0666'"), IsEmpty());
  EXPECT_THAT(notes("www-data", "protocol = 'scgi'"), IsEmpty());
  EXPECT_THAT(notes("nobody", ""), IsEmpty());
}

}  // namespace
}  // namespace cgisrv::config
