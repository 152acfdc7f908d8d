#include "exec/response.h"

#include <gmock/gmock.h>

namespace cgisrv::exec {
namespace {

// However it is cut into pieces, it is the same.
Response read(std::string_view bytes, std::size_t piece, bool to_head = false) {
  Response response(to_head);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
    response.feed(bytes.substr(0, piece));
  return response;
}

class Pieces : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Response, Pieces, testing::Values(1, 2, 3, 7, 1000));

TEST_P(Pieces, BodyOfKnownLength) {
  const auto response = read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", GetParam());
  EXPECT_TRUE(response.over() && response.whole());
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.head(), "HTTP/1.1 200 OK\r\nContent-Length: 5");
  EXPECT_EQ(response.body().bytes(), "hello");
}

TEST_P(Pieces, ChunkedBody) {
  const auto response =
      read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
           GetParam());
  EXPECT_TRUE(response.over() && response.whole());
  EXPECT_EQ(response.body().bytes(), "hello");
}

TEST_P(Pieces, BodyToTheEndOfTheConnection) {
  auto response = read("HTTP/1.1 200 OK\nX: y\n\nhello", GetParam());
  EXPECT_FALSE(response.over());
  response.end();
  EXPECT_TRUE(response.over() && response.whole());
  EXPECT_EQ(response.head(), "HTTP/1.1 200 OK\nX: y");
  EXPECT_EQ(response.body().bytes(), "hello");
}

TEST_P(Pieces, InterimResponsesAreDropped) {
  const auto response =
      read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", GetParam());
  EXPECT_TRUE(response.over() && response.whole());
  EXPECT_EQ(response.status(), 200);
}

TEST_P(Pieces, NoBodyToHeadNorWith204And304) {
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", GetParam(), true).whole());
  EXPECT_TRUE(read("HTTP/1.1 204 No Content\r\n\r\n", GetParam()).whole());
  EXPECT_TRUE(read("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", GetParam()).whole());
}

TEST_P(Pieces, CutShort) {
  for (std::string_view bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
                                 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", ""}) {
    auto response = read(bytes, GetParam());
    EXPECT_FALSE(response.over());
    response.end();
    EXPECT_TRUE(response.over());
    EXPECT_FALSE(response.whole()) << bytes;
  }
}

TEST(Response, WhatIsNoResponseIsKeptToBeLookedAt) {
  auto response = read("nothing of the kind", 5);
  response.end();
  EXPECT_EQ(response.status(), 0);
  EXPECT_EQ(response.body().bytes(), "nothing of the kind");
  EXPECT_EQ(read("HTTP/1.1 abc\r\n\r\n", 100).status(), 0);
}

TEST(Response, BodyIsKeptToItsLimitAndCounted) {
  auto response = read("HTTP/1.1 200 OK\r\n\r\n" + std::string(3 << 20, 'x'), 65536);
  response.end();
  EXPECT_EQ(response.body().bytes().size(), BoundedCapture::bytes_max);
  EXPECT_EQ(response.body().total(), 3U << 20);
  EXPECT_FALSE(response.body().whole());
}

TEST(Response, HeadWithoutEndIsGivenUp) {
  EXPECT_TRUE(read("HTTP/1.1 200 OK\r\n" + std::string(21 << 20, 'x'), 65536).over());
}

}  // namespace
}  // namespace cgisrv::exec
