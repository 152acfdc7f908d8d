#include "net/address.h"

#include <gmock/gmock.h>

namespace cgisrv::net {
namespace {

using testing::HasSubstr;

TEST(Address, FormsThatAreUnderstood) {
  struct Case {
    std::string_view text, whole, host;
    unsigned port;
    bool loopback;
  };
  const std::string long_path = "/" + std::string(106, 'x');  // the longest that there is
  const std::string long_text = "unix:" + long_path;
  const std::array<Case, 14> cases = {{
      {"127.0.0.1:8888", "127.0.0.1:8888", "127.0.0.1", 8888, true},
      {"127.9.9.9:1", "127.9.9.9:1", "127.9.9.9", 1, true},
      {"128.0.0.1:1", "128.0.0.1:1", "128.0.0.1", 1, false},
      {"0.0.0.0:80", "0.0.0.0:80", "0.0.0.0", 80, false},
      {"localhost:0", "127.0.0.1:0", "127.0.0.1", 0, true},
      {"[::1]:65535", "[::1]:65535", "::1", 65535, true},
      {"[2001:DB8::1]:80", "[2001:db8::1]:80", "2001:db8::1", 80, false},
      {"[::ffff:127.0.0.1]:80", "127.0.0.1:80", "127.0.0.1", 80, true},
      {"[::ffff:10.0.0.1]:80", "10.0.0.1:80", "10.0.0.1", 80, false},
      {":8000", "[::]:8000", "::", 8000, false},
      {"8000", "[::]:8000", "::", 8000, false},
      {"*:8000", "[::]:8000", "::", 8000, false},
      {"unix:/run/a.sock", "unix:/run/a.sock", "/run/a.sock", 0, true},
      {long_text, long_text, long_path, 0, true},
  }};
  for (const Case& one : cases) {
    const auto address = parse_address(one.text);
    ASSERT_TRUE(address) << address.error().what;
    EXPECT_EQ(address->text(), one.whole) << one.text;
    EXPECT_EQ(address->host(), one.host) << one.text;
    EXPECT_EQ(address->port(), one.port) << one.text;
    EXPECT_EQ(address->loopback(), one.loopback) << one.text;
  }
}

TEST(Address, WhatIsWrongIsSaid) {
  struct Case {
    std::string text, complaint;
  };
  const std::vector<Case> cases = {
      {"", "no port from 0 to 65535"},
      {"localhost", "no port from 0 to 65535"},
      {"127.0.0.1", "no port from 0 to 65535"},
      {"127.0.0.1:", "no port from 0 to 65535"},
      {"127.0.0.1:65536", "no port from 0 to 65535"},
      {"127.0.0.1:-1", "no port from 0 to 65535"},
      {"127.0.0.1:+1", "no port from 0 to 65535"},
      {"127.0.0.1: 80", "no port from 0 to 65535"},
      {"127.0.0.1:80x", "no port from 0 to 65535"},
      {"::1:80", "an IPv6 address stands in brackets"},
      {"https://127.0.0.1:8443", "is no URL; write 127.0.0.1:8443 and tls = true"},
      {"http://[::1]:80/", "is no URL; write [::1]:80"},
      {"256.0.0.1:80", "not an address"},
      {"127.1:80", "not an address"},
      {"example.org:80", "not an address"},
      {"[::g]:80", "not an address"},
      {"/run/a.sock", "for a unix socket write unix:/run/a.sock"},
      {"unix:", "must be absolute"},
      {"unix:relative", "must be absolute"},
      {"unix:/" + std::string(107, 'x'), "too long; at most 107 bytes"},
  };
  for (const Case& one : cases) {
    const auto address = parse_address(one.text);
    ASSERT_FALSE(address) << one.text;
    EXPECT_THAT(address.error().what, HasSubstr(one.complaint)) << one.text;
  }
}

TEST(Address, NoneIsHarmless) {
  const Address none;
  EXPECT_EQ(none.host(), "");
  EXPECT_EQ(none.port(), 0);
}

}  // namespace
}  // namespace cgisrv::net
