// What the fields of a well-formed head mean: host, framing, persistence, expectation.
#include "head_cases.h"

namespace cgisrv::http1 {
namespace {

using namespace std::string_literals;

TEST(Rfc9112_3_2, HostIsRequiredIn11Only) {
  EXPECT_EQ(status("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.0\r\n\r\n"), accepted);
  EXPECT_TRUE(request.host.empty());
}

TEST(Rfc9112_3_2, MoreThanOneHostIs400) {
  EXPECT_EQ(fields("Host: x"), 400);
  EXPECT_EQ(fields("hOST: y", "HTTP/1.0"), 400);
}

TEST(Rfc9112_3_2, AnInvalidHostIs400) {
  for (const auto* host :
       {"u@x", "x/y", "x,y", "x y", "x:y", "x:1:2", "[::1", "[x]", ":80", "x:65536"}) {
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: "s + host + "\r\n\r\n"), 400) << host;
    EXPECT_EQ(status("GET http://a/ HTTP/1.1\r\nHost: "s + host + "\r\n\r\n"), 400) << host;
  }
}

// Fault 39.
TEST(Rfc9110_4_2_1, AnEmptyHostIs400) {
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: \t \r\n\r\n"), 400);
  EXPECT_EQ(status("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n"), 400);
  EXPECT_EQ(status("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n"), accepted);
  EXPECT_EQ(request.host, "a");
  EXPECT_EQ(status("GET / HTTP/1.0\r\nHost:\r\n\r\n"), accepted);
  EXPECT_TRUE(request.host.empty());
}

TEST(Rfc9112_3_2_2, TheAbsoluteFormOverridesHost) {
  ASSERT_EQ(status("GET http://b:81/c HTTP/1.1\r\nHost: a:80\r\n\r\n"), accepted);
  EXPECT_EQ(request.host, "b");
  EXPECT_EQ(request.port, 81);
  ASSERT_EQ(status("GET HTTP://b?c HTTP/1.1\r\nHost: a:80\r\n\r\n"), accepted);
  EXPECT_EQ(request.host, "b");
  EXPECT_FALSE(request.port);
}

TEST(Rfc9112_3_2, ConnectAndAsteriskFormsAreRead) {
  ASSERT_EQ(line("CONNECT b:443 HTTP/1.1"), accepted);
  EXPECT_EQ(request.target.form, http::TargetForm::authority);
  EXPECT_EQ(request.host, "b");
  ASSERT_EQ(line("CONNECT [::1]:443 HTTP/1.1"), accepted);
  ASSERT_EQ(line("OPTIONS * HTTP/1.1"), accepted);
  EXPECT_EQ(request.target.form, http::TargetForm::asterisk);
  EXPECT_EQ(line("GET * HTTP/1.1"), 400);
}

TEST(Rfc9112_3_2, WhatBrowsersSendUnencodedIsAccepted) {
  EXPECT_EQ(line("GET /a|b?{\"c\":[`^`]}<'> HTTP/1.1"), accepted);
}

TEST(Rfc9112_6_1, ChunkedIsRead) {
  ASSERT_EQ(fields("Transfer-Encoding: Chunked"), accepted);
  EXPECT_EQ(request.framing, http::Framing::chunked);
}

TEST(Rfc9112_6_1, AnUnknownCodingIs501) {
  EXPECT_EQ(fields("Transfer-Encoding: gzip, chunked"), 501);
  EXPECT_EQ(fields("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), 501);
  EXPECT_EQ(fields("Transfer-Encoding: , chunked"), 501);
}

TEST(Rfc9112_6_3, TheLastCodingMustBeChunked) {
  for (const auto* coding : {"", "gzip", "chunked, gzip", "chunked,", "xchunked", "chunked;a=b",
                             "\"chunked\"", "chunked x", "identity"}) {
    EXPECT_EQ(fields("Transfer-Encoding: "s + coding), 400) << coding;
  }
}

TEST(Rfc9112_6_1, ChunkedTwiceIs400) {
  EXPECT_EQ(fields("Transfer-Encoding: chunked, chunked"), 400);
  EXPECT_EQ(fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400);
}

TEST(Rfc9112_6_1, TransferEncodingIn10Is400) {
  EXPECT_EQ(fields("Transfer-Encoding: chunked", "HTTP/1.0"), 400);
}

TEST(Rfc9112_6_3, TransferEncodingWithContentLengthIs400) {
  EXPECT_EQ(fields("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400);
  EXPECT_EQ(fields("Content-Length: 0\r\nTransfer-Encoding: chunked"), 400);
  EXPECT_EQ(fields("Content-Length: 5\r\nTransfer-Encoding: gzip"), 400);
}

TEST(Rfc9112_6_3, AnInvalidContentLengthIs400) {
  for (const auto* value : {"", "-1", "+5", "0x5", "5,5", "5, 6", "5 6", "5;", "1e3", "five",
                            "18446744073709551616", "99999999999999999999999"}) {
    EXPECT_EQ(fields("Content-Length: "s + value), 400) << value;
  }
}

TEST(Rfc9112_6_3, ARepeatedContentLengthIs400) {
  EXPECT_EQ(fields("Content-Length: 5\r\nContent-Length: 5"), 400);
  EXPECT_EQ(fields("Content-Length: 5\r\ncontent-length: 6"), 400);
}

TEST(Rfc9112_6_3, TheLargestContentLengthIsRead) {
  ASSERT_EQ(fields("Content-Length: 18446744073709551615"), accepted);
  EXPECT_EQ(request.content_length, UINT64_MAX);
  ASSERT_EQ(fields("Content-Length: 007"), accepted);
  EXPECT_EQ(request.content_length, 7U);
}

TEST(Rfc9112_6_3, NeitherFieldMeansNoBody) {
  ASSERT_EQ(fields("A: b"), accepted);
  EXPECT_EQ(request.framing, http::Framing::none);
}

TEST(Rfc9112_9_3, Persistence) {
  const struct {
    const char* version;
    const char* connection;
    bool keep_alive;
  } cases[] = {
      {"HTTP/1.1", "A: b", true},
      {"HTTP/1.1", "Connection: close", false},
      {"HTTP/1.1", "Connection: Keep-Alive, CLOSE", false},
      {"HTTP/1.1", "Connection: upgrade\r\nConnection: close", false},
      {"HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket", true},
      {"HTTP/1.1", "Connection: closed", true},
      {"HTTP/1.1", "Connection: , keep-alive,, TE ,", true},
      {"HTTP/1.0", "A: b", false},
      {"HTTP/1.0", "Connection: Keep-Alive", true},
      {"HTTP/1.0", "Connection: keep-alive, close", false},
  };
  for (const auto& c : cases) {
    ASSERT_EQ(fields(c.connection, c.version), accepted) << c.connection;
    EXPECT_EQ(request.keep_alive, c.keep_alive) << c.version << ' ' << c.connection;
  }
}

TEST(Rfc9110_7_6_1, ConnectionIsAListOfTokens) {
  for (const char* value : {"close;", "keep alive", "\"close\"", "close, a=b", "TE:"})
    EXPECT_EQ(fields(std::string("Connection: ") + value), 400) << value;
}

TEST(Rfc9110_10_1_1, ContinueIsExpectedWithABodyIn11Only) {
  ASSERT_EQ(fields("Expect: 100-Continue\r\nContent-Length: 5"), accepted);
  EXPECT_TRUE(request.expects_continue);
  ASSERT_EQ(fields("Expect: 100-continue\r\nTransfer-Encoding: chunked"), accepted);
  EXPECT_TRUE(request.expects_continue);
  ASSERT_EQ(fields("Expect: 100-continue"), accepted);
  EXPECT_FALSE(request.expects_continue);
  ASSERT_EQ(fields("Expect: 100-continue\r\nContent-Length: 5", "HTTP/1.0"), accepted);
  EXPECT_FALSE(request.expects_continue);
}

TEST(Rfc9110_10_1_1, AnotherExpectationIs417) {
  EXPECT_EQ(fields("Expect: tea"), 417);
  EXPECT_EQ(fields("Expect: 100-continue, tea"), 417);
  EXPECT_EQ(fields("Expect: tea", "HTTP/1.0"), accepted);
}

}  // namespace
}  // namespace cgisrv::http1
