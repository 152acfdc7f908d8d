#include "gateway/other_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cgisrv::gateway {
namespace {

using config::Protocol;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::string_literals;

const std::string http = "GET / HTTP/1.1\r\n";
const std::string http2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const std::string tls = "\x16\x03\x01\x02\x00"s;
const std::string fastcgi = "\x01\x01\x00\x01\x00\x08\x00\x00"s;
const std::string scgi = "70:CONTENT_LENGTH\0"s;

TEST(OtherProtocol, IsKnownByItsFirstBytes) {
  EXPECT_EQ(protocol_of(http), "HTTP");
  EXPECT_EQ(protocol_of(http2), "HTTP");
  EXPECT_EQ(protocol_of("POST http://x/ HTTP/1.0"), "HTTP");
  EXPECT_EQ(protocol_of(tls), "TLS");
  EXPECT_EQ(protocol_of(fastcgi), "FastCGI");
  EXPECT_EQ(protocol_of(scgi), "SCGI");
  for (const auto& other : {""s, "G"s, "GET "s, "get / HTTP"s, "70:"s, ":x"s, "\x01"s, "\x16"s})
    EXPECT_THAT(protocol_of(other), IsEmpty()) << other;
}

TEST(OtherProtocol, IsToldWithTheRemedy) {
  EXPECT_EQ(
      why_not_understood(http, Protocol::scgi, "unix:/x"),
      "a web server speaks HTTP at the SCGI listener unix:/x: let it speak SCGI there (nginx: "
      "scgi_pass, Apache: scgi://, lighttpd: scgi.server), or let it connect to another "
      "[[listen]], one for HTTP, without protocol");
  EXPECT_THAT(why_not_understood(tls, Protocol::fastcgi, "unix:/x"),
              HasSubstr("one for HTTP with tls = true"));
  EXPECT_THAT(why_not_understood(scgi, Protocol::fastcgi, "unix:/x"),
              HasSubstr("a web server speaks SCGI at the FastCGI listener unix:/x: let it speak "
                        "FastCGI there (nginx: fastcgi_pass"));
  EXPECT_THAT(why_not_understood(fastcgi, Protocol::scgi, "x"),
              HasSubstr("one with protocol = \"fastcgi\""));
  EXPECT_THAT(why_not_understood(fastcgi, Protocol::fastcgi, "x"), IsEmpty());
  EXPECT_THAT(why_not_understood("what?", Protocol::fastcgi, "x"), IsEmpty());
}

}  // namespace
}  // namespace cgisrv::gateway
