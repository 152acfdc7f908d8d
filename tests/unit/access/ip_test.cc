#include "access/ip.h"

#include <gmock/gmock.h>
#include <netinet/in.h>

namespace cgisrv::access {
namespace {

Ip ip(std::string_view text) {
  return Ip::parse(text).value();
}

TEST(Ip, ReadsBothFamilies) {
  EXPECT_EQ(ip("192.0.2.1").text(), "192.0.2.1");
  EXPECT_EQ(ip("2001:DB8:0::1").text(), "2001:db8::1");
  EXPECT_EQ(ip("::ffff:192.0.2.1"), ip("192.0.2.1"));
  EXPECT_TRUE(ip("192.0.2.1").is_v4());
  EXPECT_FALSE(ip("::").is_v4());
}

TEST(Ip, TakesNothingElse) {
  for (const auto text :
       {std::string_view(""), std::string_view("192.0.2"), std::string_view("192.0.2.1.1"),
        std::string_view("0300.0.2.1"), std::string_view("192.0.2.256"), std::string_view("[::1]"),
        std::string_view("fe80::1%eth0"), std::string_view("::1:"), std::string_view(" ::1"),
        std::string_view("127.0.0.1\0", 10), std::string_view("localhost"),
        std::string_view("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc")})
    EXPECT_FALSE(Ip::parse(text)) << text;
}

TEST(Ip, Loopback) {
  for (const auto* text : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(ip(text).is_loopback()) << text;
  for (const auto* text : {"128.0.0.1", "::", "::2", "::7f00:1", "1::1", "::1:0:0:0:1"})
    EXPECT_FALSE(ip(text).is_loopback()) << text;
}

TEST(Ip, FromTheKernel) {
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0xc0000201);
  EXPECT_EQ(Ip::from_kernel(storage), ip("192.0.2.1"));
  storage = {};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_addr.s6_addr[15] = 1;
  EXPECT_EQ(Ip::from_kernel(storage), ip("::1"));
  storage = {};
  storage.ss_family = AF_UNIX;
  EXPECT_FALSE(Ip::from_kernel(storage));
}

// Fault 12.
TEST(Ip, EveryClientOfANetworkIsSomebody) {
  EXPECT_NE(ip("::1").client(), 0U);
  EXPECT_NE(ip("::1").client(), ip("127.0.0.1").client());
  EXPECT_NE(ip("0.0.0.0").client(), 0U);
  EXPECT_NE(ip("fe80::").client(), 0U);
  EXPECT_EQ(ip("::ffff:10.0.0.1").client(), ip("10.0.0.1").client());
  EXPECT_NE(ip("::ffff:10.0.0.1").client(), ip("10.0.0.2").client());
}

// Fault 12.
TEST(Ip, ClientsAreToldApartWhereOneNetworkIsManyOfThem) {
  const auto client = [](std::string_view text) { return ip(text).client(); };
  EXPECT_EQ(client("2001:db8::1"), client("2001:db8::ffff:2"));
  EXPECT_NE(client("2001:db8::1"), client("2001:db8:0:1::1"));
  EXPECT_NE(client("fe80::1"), client("fe80::2")) << "neighbours on a link";
  EXPECT_NE(client("fe80::21a:2bff:fe3c:4d5e"), client("fe80::31a:2bff:fe3c:4d5e"));
  EXPECT_NE(client("64:ff9b::10.0.0.1"), client("64:ff9b::10.0.0.2")) << "behind a translator";
  EXPECT_EQ(client("64:ff9b::10.0.0.1"), client("10.0.0.1"));
}

}  // namespace
}  // namespace cgisrv::access
