#include "worker/listener_access.h"

#include <gmock/gmock.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/log.h"
#include "config/listener_options.h"
#include "net/address.h"

namespace cgisrv::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The listener that everybody asks is 192.0.2.1:9000.
class ListenerAccessTest : public testing::Test {
 protected:
  ListenerAccessTest() {
    log::divert(
        [this](log::Level, std::string_view, std::string_view text) { told.emplace_back(text); });
  }
  ~ListenerAccessTest() override { log::divert({}); }

  void allow(const std::string& text) {
    if (!listen.allow) listen.allow.emplace();
    EXPECT_EQ(listen.allow->add(text), "");
  }
  bool lets_in(const std::string& peer) {
    const auto address = net::parse_address(peer);
    pool::Connection connection;
    std::memcpy(&connection.peer, address->data(), address->size());
    return access.lets_in(listen, connection, now);
  }

  std::vector<std::string> told;
  config::ListenerOptions listen{.address = "192.0.2.1:9000"};
  access::AddressSet trusted_proxies;
  ListenerAccess access{trusted_proxies};
  TimePoint now = Clock::now();
};

TEST_F(ListenerAccessTest, EverybodyIsLetInUnlessItIsSaid) {
  EXPECT_TRUE(lets_in("203.0.113.7:50000"));
  EXPECT_TRUE(lets_in("unix:/run/x"));
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(ListenerAccessTest, ConnectionsAreLetInByTheirAddress) {
  allow("192.0.2.0/24");
  allow("2001:db8::7");
  EXPECT_TRUE(lets_in("192.0.2.7:50000"));
  EXPECT_TRUE(lets_in("[::ffff:192.0.2.7]:50000"));  // as a listener for IPv6 has it
  EXPECT_TRUE(lets_in("[2001:db8::7]:50000"));
  EXPECT_FALSE(lets_in("[2001:db8::8]:50000"));
  EXPECT_FALSE(lets_in("127.0.0.1:50000"));
  EXPECT_FALSE(lets_in("unix:/run/x"));
  allow("local");
  EXPECT_TRUE(lets_in("127.0.0.1:50000"));
}

TEST_F(ListenerAccessTest, AnEmptyListIsNobody) {
  listen.allow.emplace();
  EXPECT_FALSE(lets_in("127.0.0.1:50000"));
}

TEST_F(ListenerAccessTest, TheProxyProtocolIsForTrustedProxies) {
  listen.proxy_protocol = true;
  EXPECT_FALSE(lets_in("192.0.2.7:50000"));
  EXPECT_THAT(told, ElementsAre(HasSubstr("192.0.2.7 connected to 192.0.2.1:9000 and is not in "
                                          "trusted_proxies, which alone")));
  EXPECT_EQ(trusted_proxies.add("192.0.2.0/24"), "");
  EXPECT_TRUE(lets_in("192.0.2.7:50000"));
  allow("192.0.2.8");
  EXPECT_FALSE(lets_in("192.0.2.7:50000"));
  EXPECT_TRUE(lets_in("192.0.2.8:50000"));
}

TEST_F(ListenerAccessTest, TheLogHasOneLineInEachInterval) {
  allow("192.0.2.7");
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(lets_in("203.0.113.7:50000"));
  EXPECT_THAT(told, ElementsAre("203.0.113.7 connected to 192.0.2.1:9000 and is not in its allow = "
                                "[\"192.0.2.7\"]; its connection is closed"));
  now += std::chrono::seconds(10);
  EXPECT_FALSE(lets_in("203.0.113.8:50000"));
  EXPECT_THAT(told,
              ElementsAre(HasSubstr("203.0.113.7"),
                          HasSubstr("closed (and 99 such lines before it that were not logged)")));
  now += std::chrono::seconds(10);
  EXPECT_FALSE(lets_in("203.0.113.8:50000"));
  EXPECT_THAT(told.back(), Not(HasSubstr("before it")));
}

}  // namespace
}  // namespace cgisrv::worker
