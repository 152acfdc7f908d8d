// What is said of listeners, and cannot be meant so.
#include "config/listener_check.h"

#include <gmock/gmock.h>

#include "config_fixture.h"

namespace cgisrv::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ListenerCheckTest : public ConfigTest {
 protected:
  std::vector<std::string> listen_faults(std::string_view keys) {
    return faults_before_site("[[listen]]\n" + std::string(keys));
  }
};

TEST_F(ListenerCheckTest, ListenersMayExcludeEachOther) {
  const auto second = [&](const std::string& first, const std::string& other) {
    return faults_before_site(
        fmt::format("[[listen]]\naddress = '{}'\n[[listen]]\naddress = '{}'", first, other));
  };
  EXPECT_THAT(second("127.0.0.1:80", "127.0.0.1:80"),
              ElementsAre("4:11: 'address': 127.0.0.1:80 stands on line 2 already; remove one"));
  EXPECT_THAT(second("127.0.0.1:80", ":80"),
              ElementsAre("4:11: 'address': :80 and 127.0.0.1:80 of line 2 include each other; "
                          "remove one"));
  for (const std::string one : {"80", "[::]:80", "*:80", "0.0.0.0:80", "localhost:80"})
    EXPECT_EQ(second(one, "127.0.0.1:80").size(), 1) << one;
  EXPECT_EQ(second("unix:/a", "unix:/a").size(), 1);
  EXPECT_EQ(second("fd:a", "fd:a").size(), 1);
  for (const std::string one :
       {"127.0.0.1:0", "127.0.0.2:80", "[::1]:80", ":81", "unix:/a", "fd:a"})
    EXPECT_THAT(second(one, "127.0.0.1:80"), ElementsAre()) << one;
  EXPECT_THAT(second("127.0.0.1:0", "127.0.0.1:0"), ElementsAre());
  EXPECT_THAT(second("0.0.0.0:80", "[::1]:80"), ElementsAre());
  EXPECT_THAT(faults_before_site("[admin]\nlisten = '127.0.0.1:80'\n[[listen]]\naddress = ':80'"),
              ElementsAre("2:10: 'listen': 127.0.0.1:80 and :80 of line 4 include each other; "
                          "remove one"));
}

TEST_F(ListenerCheckTest, RightsNeedASocketThatTheServerMakes) {
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

TEST_F(ListenerCheckTest, AllowIsForAddresses) {
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

TEST_F(ListenerCheckTest, AGatewayForEverybodyIsNoted) {
  const auto notes = [&](const std::string& keys) {
    return with_site("[[listen]]\nprotocol = 'fastcgi'\nprograms = ['www']\n" + keys).notes;
  };
  EXPECT_THAT(notes("address = ':9000'"),
              ElementsAre(HasSubstr("whoever reaches :9000 names programs, and the users for whom "
                                    "they run; let in the web server alone, allow = [")));
  EXPECT_THAT(notes("address = ':9000'\nallow = ['192.0.2.7']"), IsEmpty());
  EXPECT_THAT(notes("address = '127.0.0.1:9000'"), IsEmpty());
}

TEST_F(ListenerCheckTest, OnlyFastcgiHasAWayForErrors) {
  EXPECT_THAT(listen_faults("protocol = 'scgi'\nerrors_to_web_server = true"),
              ElementsAre(HasSubstr("is for protocol = \"fastcgi\"")));
  EXPECT_THAT(listen_faults("protocol = 'fastcgi'\nerrors_to_web_server = true"), IsEmpty());
}

TEST_F(ListenerCheckTest, RequestIdsAreSaidOfTheProxyProtocolAlone) {
  EXPECT_THAT(listen_faults("address = ':80'\nrequest_ids = true"),
              ElementsAre(HasSubstr("'request_ids' is for proxy_protocol = true")));
}

TEST_F(ListenerCheckTest, RightsThatMayKeepAWebServerOutAreNoted) {
  const auto notes = [&](const std::string& user, const std::string& keys) {
    return good("[server]\nuser = '" + user + "'\n[[listen]]\naddress = 'unix:/run/x'\n" + keys +
                "\n[[site]]\nroot = 'www'\n[[site.location]]\nmatch = '/x/'\ncgi = true")
        .notes;
  };
  EXPECT_THAT(notes("nobody", "protocol = 'scgi'"),
              ElementsAre(HasSubstr("name its group: group = \"www-data\"")));
  EXPECT_THAT(notes("nobody", "protocol = 'scgi'\nmode = '0666'"), IsEmpty());
  EXPECT_THAT(notes("nobody", "protocol = 'scgi'\nmode = '0600'"),
              ElementsAre(HasSubstr("with mode = \"0600\" the owner of unix:/run/x alone may "
                                    "connect to it; \"0660\" lets in its group too")));
  EXPECT_THAT(notes("www-data", "protocol = 'scgi'"), IsEmpty());
  EXPECT_THAT(notes("nobody", ""), IsEmpty());
}

TEST_F(ListenerCheckTest, AGatewayThatRunsNothingIsNoted) {
  const std::string listen = "[[listen]]\naddress = '127.0.0.1:9000'\nprotocol = 'scgi'\n";
  EXPECT_THAT(with_site(listen).notes, ElementsAre(HasSubstr("no location runs programs")));
  EXPECT_THAT(with_site(listen + "programs = ['www']").notes, IsEmpty());
  EXPECT_THAT(
      good(listen + "[[site]]\nroot = 'www'\n[[site.location]]\nmatch = '/x/'\ncgi = true").notes,
      IsEmpty());
}

TEST_F(ListenerCheckTest, AGatewayHasItsOwnKeys) {
  for (const std::string key : {"tls", "http2", "proxy_protocol"})
    EXPECT_THAT(listen_faults("protocol = 'scgi'\nprograms = ['www']\n" + key + " = false"),
                ElementsAre(HasSubstr("'" + key + "' is for protocol = \"http\"")));
  EXPECT_THAT(listen_faults("programs = ['www']"),
              ElementsAre(HasSubstr("'programs' is for listeners of web servers; add protocol")));
}

TEST_F(ListenerCheckTest, TheProxyProtocolIsForTrustedProxies) {
  EXPECT_THAT(listen_faults("proxy_protocol = true"),
              ElementsAre(HasSubstr("'proxy_protocol' lets in proxies alone; name them")));
  EXPECT_THAT(faults_before_site("[server]\ntrusted_proxies = ['127.0.0.1']\n[[listen]]\n"
                                 "proxy_protocol = true\nrequest_ids = true"),
              IsEmpty());
}

}  // namespace
}  // namespace cgisrv::config
