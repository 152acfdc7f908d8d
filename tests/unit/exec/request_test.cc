#include "exec/request.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>

namespace cgisrv::exec {
namespace {

using testing::HasSubstr;

std::string head(const std::vector<std::string>& fields, std::optional<Body> body = std::nullopt) {
  const auto request = make_request("POST", "/x?y", "here:80", fields, std::move(body));
  return request ? request->head : "error: " + request.error().what;
}

TEST(ExecRequest, IsComposedAsGiven) {
  EXPECT_EQ(head({}), "POST /x?y HTTP/1.1\r\nHost: here:80\r\n\r\n");
  EXPECT_EQ(head({"A: b", "A: c"}), "POST /x?y HTTP/1.1\r\nHost: here:80\r\nA: b\r\nA: c\r\n\r\n");
}

TEST(ExecRequest, FieldsOfTheUserWin) {
  EXPECT_EQ(head({"hOST: there"}), "POST /x?y HTTP/1.1\r\nhOST: there\r\n\r\n");
  EXPECT_EQ(head({"content-length: 9"}, Body{}),
            "POST /x?y HTTP/1.1\r\nHost: here:80\r\ncontent-length: 9\r\n\r\n");
}

TEST(ExecRequest, ABodyHasItsLength) {
  EXPECT_THAT(head({}, Body{.length = 7}), HasSubstr("\r\nContent-Length: 7\r\n\r\n"));
  EXPECT_THAT(head({}, Body{}), HasSubstr("\r\nContent-Length: 0\r\n\r\n"));
}

TEST(ExecRequest, ChunkedByItsField) {
  const auto request =
      make_request("POST", "/", "here", {"Transfer-Encoding:  Chunked "}, Body{.length = 7});
  EXPECT_TRUE(request && request->chunked);
  EXPECT_EQ(request->head.find("Content-Length"), request->head.npos);
}

TEST(ExecRequest, WhatIsNoFieldIsRefused) {
  EXPECT_THAT(head({"no colon"}), HasSubstr("error: \"no colon\" is no header"));
  EXPECT_THAT(head({"A: b\r\nC: d"}), HasSubstr("error: "));
}

TEST(ExecRequest, WhichMethodsHaveABody) {
  EXPECT_TRUE(has_body("POST", {}) && has_body("PROPFIND", {}));
  EXPECT_FALSE(has_body("GET", {}) || has_body("DELETE", {}));
  EXPECT_TRUE(has_body("GET", {"Content-Length: 3"}));
}

TEST(ExecRequest, BodyOfAPipeIsReadToItsEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Fd ours(ends[0]);
  ASSERT_EQ(::write(ends[1], "hello", 5), 5);
  ::close(ends[1]);
  const auto body = read_body(ours.get());
  ASSERT_TRUE(body);
  std::array<char, 8> bytes{};
  EXPECT_EQ(body->length, 5U);
  EXPECT_EQ(::pread(body->file.get(), bytes.data(), bytes.size(), 0), 5);
  EXPECT_STREQ(bytes.data(), "hello");
}

}  // namespace
}  // namespace cgisrv::exec
