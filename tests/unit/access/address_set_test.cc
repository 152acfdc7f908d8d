#include "access/address_set.h"

#include <gmock/gmock.h>

namespace cgisrv::access {
namespace {

using testing::HasSubstr;

Peer at(std::string_view text) {
  const Ip ip = Ip::parse(text).value();
  return Peer::of(ip, ip.is_loopback());
}
constexpr Peer::Kind unix_socket = Peer::Kind::unix_socket;

AddressSet set(std::initializer_list<const char*> texts) {
  AddressSet made;
  for (const auto* text : texts)
    EXPECT_EQ(made.add(text), "");
  return made;
}

TEST(AddressSet, NetworksOfBothFamilies) {
  const auto some = set({"192.0.2.0/24", "198.51.100.7", "2001:db8::/33"});
  for (const auto* in : {"192.0.2.0", "192.0.2.255", "::ffff:192.0.2.9", "198.51.100.7",
                         "2001:db8::1", "2001:db8:7fff::"})
    EXPECT_TRUE(some.contains(at(in))) << in;
  for (const auto* out : {"192.0.3.0", "192.0.1.255", "198.51.100.6", "2001:db8:8000::", "::1"})
    EXPECT_FALSE(some.contains(at(out))) << out;
}

TEST(AddressSet, CoversAnother) {
  const auto some = set({"192.0.2.0/24", "2001:db8::/32", "local"});
  for (const auto& in : {set({}), set({"local"}), set({"192.0.2.0/24"}), set({"192.0.2.9"}),
                         set({"2001:db8:1::/48", "192.0.2.128/25", "local"})})
    EXPECT_TRUE(some.covers(in)) << in.text();
  for (const auto& out : {set({"all"}), set({"unix"}), set({"192.0.2.0/23"}), set({"::/0"}),
                          set({"192.0.2.9", "192.0.3.9"})})
    EXPECT_FALSE(some.covers(out)) << out.text();
  EXPECT_TRUE(set({"all"}).covers(set({"all", "unix", "::1"})));
}

TEST(AddressSet, ABitAtATime) {
  const Ip ip = Ip::parse("85.170.85.170").value();
  for (unsigned bits = 0; bits <= 32; ++bits) {
    std::uint32_t first = 0x55aa55aa;
    if (bits < 32) first &= ~(0xffff'ffffU >> bits);
    const auto text = fmt::format("{}.{}.{}.{}/{}", first >> 24, first >> 16 & 255,
                                  first >> 8 & 255, first & 255, bits);
    const auto network = Network::parse(text);
    ASSERT_TRUE(network) << text;
    EXPECT_TRUE(network->contains(ip)) << text;
    if (bits == 0) continue;
    Ip::Bytes other = ip.bytes();
    other[12 + (bits - 1) / 8] ^= static_cast<std::uint8_t>(0x80 >> ((bits - 1) % 8));
    EXPECT_FALSE(network->contains(Ip(other))) << text << ": its last bit differs";
  }
}

TEST(AddressSet, FamiliesAreApart) {
  EXPECT_FALSE(set({"::/0"}).contains(at("192.0.2.1")));
  EXPECT_TRUE(set({"::/0"}).contains(at("2001:db8::1")));
  EXPECT_FALSE(set({"0.0.0.0/0"}).contains(at("2001:db8::1")));
  EXPECT_TRUE(set({"0.0.0.0/0"}).contains(at("192.0.2.1")));
  EXPECT_TRUE(set({"::ffff:192.0.2.0/120"}).contains(at("192.0.2.1")));
  EXPECT_FALSE(set({"::ffff:192.0.2.0/120"}).contains(at("192.0.3.1")));
}

TEST(AddressSet, Words) {
  const Peer by_unix{unix_socket, {}, true};
  const Peer proxied_by_unix{unix_socket, {}, false};
  const Peer nobody;
  EXPECT_TRUE(set({"local"}).contains(at("127.0.0.1")));
  EXPECT_TRUE(set({"local"}).contains(at("::1")));
  EXPECT_TRUE(set({"local"}).contains(by_unix));
  EXPECT_FALSE(set({"local"}).contains(proxied_by_unix));
  EXPECT_FALSE(set({"local"}).contains(at("192.0.2.1")));
  EXPECT_FALSE(set({"local"}).contains(Peer::of(*Ip::parse("127.0.0.1"), false)));
  EXPECT_TRUE(set({"unix"}).contains(by_unix));
  EXPECT_TRUE(set({"unix"}).contains(proxied_by_unix));
  EXPECT_FALSE(set({"unix"}).contains(at("127.0.0.1")));
  EXPECT_FALSE(set({"0.0.0.0/0", "::/0"}).contains(by_unix)) << "it has no address";
  EXPECT_FALSE(set({"0.0.0.0/0", "::/0", "local", "unix"}).contains(nobody));
  EXPECT_TRUE(set({"all"}).contains(nobody));
  EXPECT_FALSE(AddressSet().contains(by_unix)) << "an empty list is nobody";
}

TEST(AddressSet, MistakesAreExplained) {
  struct Case {
    const char* text;
    const char* told;
  };
  for (const auto& [text, told] : {
           Case{"192.0.2.1/24", "write \"192.0.2.0/24\" for the network, or \"192.0.2.1\" alone"},
           Case{"2001:db8::1/32", "write \"2001:db8::/32\""},
           Case{"192.0.2.0/33", "a number of bits from 0 to 32"},
           Case{"192.0.2.0/255.255.255.0", "a number of bits from 0 to 32, as in \"192.0.2.0/24\""},
           Case{"192.0.2.0/", "a number of bits"},
           Case{"192.0.2.0/-1", "a number of bits"},
           Case{"2001:db8::/129", "a number of bits from 0 to 128"},
           Case{"::ffff:192.0.2.0/24", "no address or network"},
           Case{"10.1", "no address or network"},
           Case{"10.", "no address or network"},
           Case{"[::1]", "no address or network"},
           Case{"127.0.0.1:80", "no address or network"},
           Case{"example.org", "names are not looked up"},
           Case{"Local", "no address or network"},
           Case{"", "no address or network"},
       }) {
    AddressSet none;
    EXPECT_THAT(none.add(text), HasSubstr(told)) << text;
    EXPECT_TRUE(none.empty()) << text;
  }
}

TEST(AddressSet, ItsTextIsTheConfigurations) {
  EXPECT_EQ(set({"192.0.2.0/24", "local"}).text(), R"(["192.0.2.0/24", "local"])");
  EXPECT_EQ(AddressSet().text(), "[]");
  EXPECT_TRUE(set({"unix"}).has("unix"));
  EXPECT_FALSE(set({"unix"}).has("local"));
}

}  // namespace
}  // namespace cgisrv::access
