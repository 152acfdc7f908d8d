#include "http1/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgisrv::http1 {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::time_t now = 784111777;

struct Exchange {
  http::Request request;
  http::Response response;

  Exchange() { request.method = "GET"; }
  BodyFraming framing() const {
    return choose_framing(http::content_of(request.method, response), request.version);
  }
  std::string head(bool keep_alive = true, std::time_t time = now) const {
    http::Response whole = response;
    http::add_origin_fields(whole, time);
    std::string out;
    write_head(out, request.version, whole, framing(), keep_alive);
    return out;
  }
};

TEST(Writer, WholeHead) {
  Exchange exchange;
  exchange.response.add("Content-Type", "text/plain");
  exchange.response.content_length = 5;
  EXPECT_EQ(exchange.head(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Server: cgisrv/" CGISRV_VERSION "\r\nContent-Length: 5\r\n\r\n");
}

TEST(Writer, ReasonAndServerCanBeGiven) {
  Exchange exchange;
  exchange.response.status = 299;
  exchange.response.reason = "Fine";
  exchange.response.add("server", "other");
  EXPECT_THAT(exchange.head(), testing::StartsWith("HTTP/1.1 299 Fine\r\n"));
  EXPECT_THAT(exchange.head(), Not(HasSubstr("cgisrv")));
}

TEST(Writer, NothingSplitsAResponse) {
  Exchange exchange;
  exchange.response.reason = "OK\r\nX: y";
  exchange.response.add("A", "b\r\nX: y");
  exchange.response.add("A\nX", "b");
  exchange.response.add("A", std::string_view("\0", 1));
  exchange.response.add("Good", "kept");
  EXPECT_EQ(exchange.head().find('X'), std::string::npos);
  EXPECT_EQ(exchange.head().find("A:"), std::string::npos);
  EXPECT_THAT(exchange.head(), testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(exchange.head(), HasSubstr("Good: kept\r\n"));
}

TEST(Rfc9112_6_3, BodilessResponses) {
  Exchange exchange;
  for (const int status : {100, 103, 204, 304}) {
    exchange.response.status = status;
    EXPECT_EQ(exchange.framing(), BodyFraming::none) << status;
  }
  exchange.request.method = "HEAD";
  exchange.response.status = 200;
  EXPECT_EQ(exchange.framing(), BodyFraming::none);
}

TEST(Rfc9112_6_3, KnownLengthIsSent) {
  Exchange exchange;
  exchange.response.content_length = 0;
  EXPECT_EQ(exchange.framing(), BodyFraming::length);
  EXPECT_THAT(exchange.head(), HasSubstr("Content-Length: 0\r\n"));
  EXPECT_THAT(exchange.head(), Not(HasSubstr("Transfer-Encoding")));
}

TEST(Rfc9112_6_1, UnknownLengthIsChunkedIn11AndEndsByCloseIn10) {
  Exchange exchange;
  EXPECT_THAT(exchange.head(), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(exchange.head(), Not(HasSubstr("Content-Length")));
  exchange.request.version = http::Version::http10;
  EXPECT_EQ(exchange.framing(), BodyFraming::close);
  EXPECT_THAT(exchange.head(), Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(exchange.head(true), HasSubstr("Connection: close\r\n"));
}

TEST(Rfc9112_6_1, NeverTransferEncodingOn1xxAnd204) {
  Exchange exchange;
  for (const int status : {103, 204}) {
    exchange.response.status = status;
    EXPECT_THAT(exchange.head(), Not(HasSubstr("Transfer-Encoding"))) << status;
  }
}

TEST(Rfc9110_8_6, ContentLengthOfHeadAnd304ButNot1xxAnd204) {
  Exchange exchange;
  exchange.response.content_length = 5;
  exchange.request.method = "HEAD";
  EXPECT_THAT(exchange.head(), HasSubstr("Content-Length: 5\r\n"));
  exchange.request.method = "GET";
  exchange.response.status = 304;
  EXPECT_THAT(exchange.head(), HasSubstr("Content-Length: 5\r\n"));
  for (const int status : {103, 204}) {
    exchange.response.status = status;
    EXPECT_THAT(exchange.head(), Not(HasSubstr("Content-Length"))) << status;
  }
}

TEST(Rfc9112_9_6, ConnectionSaysWhatHappens) {
  Exchange exchange;
  EXPECT_THAT(exchange.head(true), Not(HasSubstr("Connection")));
  EXPECT_THAT(exchange.head(false), HasSubstr("Connection: close\r\n"));
  exchange.request.version = http::Version::http10;
  exchange.response.content_length = 5;
  EXPECT_THAT(exchange.head(true), HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_THAT(exchange.head(false), HasSubstr("Connection: close\r\n"));
}

TEST(Rfc9110_6_6_1, DateOnFinalResponsesOnceAndCurrent) {
  Exchange exchange;
  EXPECT_THAT(exchange.head(true, now + 1), HasSubstr("Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n"));
  EXPECT_THAT(exchange.head(), HasSubstr("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
  exchange.response.status = 103;
  EXPECT_THAT(exchange.head(), Not(HasSubstr("Date")));
  exchange.response.status = 200;
  exchange.response.add("date", "given");
  EXPECT_THAT(exchange.head(), Not(HasSubstr("Date: ")));
}

TEST(Rfc9112_7_1, ChunkSizes) {
  std::string out;
  write_chunk_size(out, 0x1000);
  write_chunk_size(out, 1);
  EXPECT_EQ(out, "1000\r\n1\r\n");
}

}  // namespace
}  // namespace cgisrv::http1
