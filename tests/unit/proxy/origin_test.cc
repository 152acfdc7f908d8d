#include "proxy/origin.h"

#include <gmock/gmock.h>

#include "base/check.h"

namespace cgisrv::proxy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

access::Peer peer(std::string_view text) {
  if (text == "unix") return {access::Peer::Kind::unix_socket, {}, true};
  const auto ip = access::Ip::parse(text).value();
  return access::Peer::of(ip, ip.is_loopback());
}

class OriginTest : public testing::Test {
 protected:
  OriginTest() {
    for (const auto* text : {"127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "unix"})
      CGISRV_CHECK(trusted.add(text).empty());
  }
  // Fields "Name: value" of a request by that peer.
  Result<Origin> find(std::string_view from, std::vector<std::string> lines) {
    lines_ = std::move(lines);
    std::vector<http::FieldView> fields;
    for (const std::string& line : lines_) {
      const auto colon = line.find(": ");
      fields.push_back(
          {std::string_view(line).substr(0, colon), std::string_view(line).substr(colon + 2)});
    }
    return find_origin(peer(from), trusted, fields);
  }
  // Who asks: "192.0.2.1", "unix", "unknown"; "!" before it: local. Or the error.
  std::string client(std::string_view from, std::vector<std::string> lines) {
    const auto origin = find(from, std::move(lines));
    if (!origin) return origin.error().what;
    const auto& found = origin->client;
    const std::string name = found.kind == access::Peer::Kind::ip            ? found.ip.text()
                             : found.kind == access::Peer::Kind::unix_socket ? "unix"
                                                                             : "unknown";
    return (found.is_local ? "!" : "") + name;
  }
  static std::string field(const Origin& origin, std::string_view name) {
    for (const http::Field& each : origin.fields)
      if (each.name == name) return each.value;
    return "";
  }

  access::AddressSet trusted;

 private:
  std::vector<std::string> lines_;
};

TEST_F(OriginTest, AStrangerIsTheClientWhateverItSays) {
  EXPECT_EQ(client("192.0.2.1", {}), "192.0.2.1");
  EXPECT_EQ(client("192.0.2.1", {"X-Forwarded-For: 127.0.0.1"}), "192.0.2.1");
  EXPECT_EQ(client("192.0.2.1", {"Forwarded: for=127.0.0.1", "X-Forwarded-For: garbage"}),
            "192.0.2.1");
  const auto origin = find("192.0.2.1", {"X-Forwarded-Proto: https", "X-Forwarded-Host: evil"});
  EXPECT_FALSE(origin->https);
  EXPECT_EQ(origin->host, "");
  EXPECT_FALSE(origin->by_proxy);
  EXPECT_THAT(origin->fields, IsEmpty());
}

TEST_F(OriginTest, LocalIsNobodyForWhomAProxyAsks) {
  EXPECT_EQ(client("127.0.0.2", {}), "!127.0.0.2");
  for (const auto* line : {"X-Forwarded-For: 127.0.0.2", "Via: 1.1 x", "X-Real-IP: 127.0.0.1",
                           "Forwarded: proto=http", "X-Forwarded-Server: x"})
    EXPECT_EQ(client("127.0.0.2", {line}), "127.0.0.2") << line;
}

TEST_F(OriginTest, TheLastThatIsNotTrustedIsTheClient) {
  EXPECT_EQ(client("127.0.0.1", {"X-Forwarded-For: 192.0.2.1"}), "192.0.2.1");
  EXPECT_EQ(client("127.0.0.1", {"X-Forwarded-For: 198.51.100.1, 192.0.2.1"}), "192.0.2.1");
  EXPECT_EQ(client("127.0.0.1", {"X-Forwarded-For: 198.51.100.1, 192.0.2.1, 10.1.2.3"}),
            "192.0.2.1");
  EXPECT_EQ(client("10.0.0.1", {"X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 192.0.2.1"}),
            "192.0.2.1")
      << "lines make one list";
  EXPECT_EQ(client("unix", {"Forwarded: for=198.51.100.1, for=\"[2001:db9::1]:80\""}),
            "2001:db9::1");
  EXPECT_EQ(client("10.0.0.1", {"Forwarded: for=192.0.2.1, for=\"[2001:db8::1]\""}), "192.0.2.1");
  EXPECT_EQ(client("10.0.0.1", {"X-Forwarded-For: 10.0.0.3, 10.0.0.2"}), "10.0.0.3")
      << "all are trusted: the first";
}

TEST_F(OriginTest, ForgedEntriesAreNotRead) {
  for (const auto* forged : {"127.0.0.1", "garbage", "unknown", "10.0.0.1", "\"", "::1", ";;"}) {
    const std::string list = std::string(forged) + ", 192.0.2.1";
    EXPECT_EQ(client("127.0.0.1", {"X-Forwarded-For: " + list}), "192.0.2.1") << list;
    EXPECT_EQ(client("127.0.0.1",
                     {std::string("X-Forwarded-For: ") + forged, "X-Forwarded-For: 192.0.2.1"}),
              "192.0.2.1");
  }
}

TEST_F(OriginTest, ALoopbackAddressIsTheMachineOfTheProxyThatNamesIt) {
  EXPECT_EQ(client("127.0.0.1", {"X-Forwarded-For: 127.0.0.9"}), "!127.0.0.9");
  EXPECT_EQ(client("unix", {"X-Forwarded-For: ::1"}), "!::1");
  EXPECT_EQ(client("10.0.0.1", {"X-Forwarded-For: 127.0.0.1"}), "10.0.0.1");
  EXPECT_EQ(client("127.0.0.1", {"X-Forwarded-For: ::1, 10.0.0.1"}), "10.0.0.1");
  EXPECT_EQ(client("127.0.0.1", {"X-Forwarded-For: 127.0.0.9, 127.0.0.1"}), "!127.0.0.9");
}

TEST_F(OriginTest, WhoIsHiddenIsUnknown) {
  for (const auto* line : {"X-Forwarded-For: unknown", "Forwarded: for=_hidden",
                           "Forwarded: for=192.0.2.1, for=unknown", "Forwarded: proto=https",
                           "X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.1",
                           "X-Forwarded-Proto: https", "Via: 1.1 x", "X-Real-IP: 192.0.2.1"})
    EXPECT_EQ(client("127.0.0.1", {line}), "unknown") << line;
  EXPECT_EQ(client("127.0.0.1", {}), "!127.0.0.1") << "the proxy itself";
  EXPECT_EQ(client("unix", {}), "!unix");
  EXPECT_EQ(client("127.0.0.1", {"X-Forwarded-For: ", "Accept: */*"}), "unknown");
}

TEST_F(OriginTest, WhatIsToBeBelievedMustBeReadable) {
  EXPECT_THAT(client("127.0.0.1", {"X-Forwarded-For: 192.0.2.1, (null)"}),
              HasSubstr("a trusted proxy sent X-Forwarded-For: (null), which is not an address"));
  EXPECT_THAT(client("127.0.0.1", {"Forwarded: for=\"192.0.2.1"}),
              HasSubstr("sent Forwarded: for=\\x22192.0.2.1, which cannot be read: a quoted text"));
  EXPECT_THAT(client("127.0.0.1", {"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: gopher"}),
              HasSubstr("not http or https"));
  EXPECT_THAT(client("127.0.0.1", {"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: a b"}),
              HasSubstr("not a host"));
  for (const auto* port : {"0", "65536", "80x", "-1"})
    EXPECT_THAT(client("127.0.0.1",
                       {"X-Forwarded-For: 192.0.2.1", std::string("X-Forwarded-Port: ") + port}),
                HasSubstr("not a port"));
}

TEST_F(OriginTest, TheTwoFamiliesHaveToAgree) {
  EXPECT_EQ(client("127.0.0.1", {"Forwarded: for=\"192.0.2.1:80\"", "X-Forwarded-For: 192.0.2.1"}),
            "192.0.2.1");
  EXPECT_THAT(client("127.0.0.1", {"Forwarded: for=127.0.0.1", "X-Forwarded-For: 192.0.2.1"}),
              HasSubstr("Forwarded says that 127.0.0.1 asks, and X-Forwarded-For that 192.0.2.1"));
  EXPECT_THAT(client("127.0.0.1", {"Forwarded: for=192.0.2.1;proto=https",
                                   "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: http"}),
              HasSubstr("Forwarded says proto https, and X-Forwarded-Proto says http"));
  EXPECT_THAT(client("127.0.0.1",
                     {"Forwarded: for=192.0.2.1;host=a.example", "X-Forwarded-Host: b.example"}),
              HasSubstr("Forwarded says host a.example"));
  EXPECT_EQ(client("127.0.0.1", {"Forwarded: for=192.0.2.1;host=A.example;proto=HTTPS",
                                 "X-Forwarded-Host: a.example.", "X-Forwarded-Proto: https"}),
            "192.0.2.1");
}

TEST_F(OriginTest, ThePublicAddress) {
  auto origin = find("127.0.0.1", {"X-Forwarded-For: 192.0.2.1:4711", "X-Forwarded-Proto: https",
                                   "X-Forwarded-Host: example.org:8443"});
  EXPECT_EQ(origin->https, true);
  EXPECT_EQ(origin->host, "example.org");
  EXPECT_EQ(origin->port, 8443);
  EXPECT_EQ(origin->client_port, "4711");
  EXPECT_TRUE(origin->by_proxy);
  origin = find("127.0.0.1",
                {"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Port: 444", "X-Forwarded-Proto: ws"});
  EXPECT_EQ(origin->https, false);
  EXPECT_EQ(origin->port, 444);
  origin = find("127.0.0.1", {"Forwarded: for=192.0.2.1;host=\"[2001:db8::1]:81\";proto=http"});
  EXPECT_EQ(origin->host, "[2001:db8::1]");
  EXPECT_EQ(origin->port, 81);
}

TEST_F(OriginTest, WhatStandsBesideTheClient) {
  auto origin = find("10.0.0.1", {"X-Forwarded-For: 203.0.113.1, 192.0.2.1, 10.0.0.2",
                                  "X-Forwarded-Proto: http, https, http",
                                  "X-Forwarded-Host: evil.example, example.org, inner"});
  EXPECT_EQ(origin->https, true);
  EXPECT_EQ(origin->host, "example.org");
  origin = find("10.0.0.1", {"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: evil, example.org"});
  EXPECT_EQ(origin->host, "example.org");
  origin = find("10.0.0.1", {"X-Forwarded-For: 192.0.2.1, 10.0.0.2", "X-Forwarded-Proto: https"});
  EXPECT_EQ(origin->https, true);
  origin =
      find("10.0.0.1", {"Forwarded: for=203.0.113.1;host=evil;proto=http, "
                        "for=192.0.2.1;host=example.org, for=10.0.0.2;host=inner;proto=https"});
  EXPECT_EQ(origin->host, "example.org");
  EXPECT_EQ(origin->https, true) << "the next that says it";
}

TEST_F(OriginTest, ProgramsSeeWhatWasBelieved) {
  auto origin = find("10.0.0.1", {"X-Forwarded-For: 127.0.0.1, 192.0.2.1, 10.0.0.2",
                                  "X-Forwarded-Proto: http, https", "X-Real-IP: 127.0.0.1",
                                  "X-Forwarded-Server: front", "Accept: */*",
                                  "Forwarded: for=127.0.0.1, for=192.0.2.1;by=_x, for=10.0.0.2"});
  EXPECT_EQ(field(*origin, "X-Forwarded-For"), "192.0.2.1, 10.0.0.2");
  EXPECT_EQ(field(*origin, "Forwarded"), "for=192.0.2.1;by=_x, for=10.0.0.2");
  EXPECT_EQ(field(*origin, "X-Forwarded-Proto"), "http");
  EXPECT_EQ(field(*origin, "X-Real-IP"), "192.0.2.1");
  EXPECT_EQ(field(*origin, "X-Forwarded-Server"), "front");
  EXPECT_EQ(field(*origin, "Accept"), "");
}

}  // namespace
}  // namespace cgisrv::proxy
