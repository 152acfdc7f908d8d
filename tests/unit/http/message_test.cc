#include "http/message.h"

#include <gtest/gtest.h>

namespace cgisrv::http {
namespace {

TEST(Request, FieldIgnoresCaseAndTakesTheFirst) {
  Request request;
  request.fields = {{"Accept", "a"}, {"ACCEPT", "b"}};
  EXPECT_EQ(request.field("accept"), "a");
  EXPECT_FALSE(request.field("Accept-"));
}

TEST(Rfc9110_5_3, FieldsOfOneNameAreJoinedInOrder) {
  Request request;
  request.fields = {{"Accept", "a"}, {"Host", "x"}, {"accept", ""}, {"ACCEPT", "b"}};
  EXPECT_EQ(request.joined("Accept"), "a, , b");
  EXPECT_FALSE(request.joined("Cookie"));
}

TEST(Request, ResetForgetsEverything) {
  Request request;
  request.method = "GET";
  request.fields = {{"Host", "x"}};
  request.port = 80;
  request.framing = Framing::chunked;
  request.keep_alive = true;
  const std::string head = "GET / HTTP/1.1\r\n\r\n";
  const auto copy = request.reset(head);
  EXPECT_EQ(copy, head);
  EXPECT_NE(copy.data(), head.data());
  EXPECT_TRUE(request.method.empty());
  EXPECT_TRUE(request.fields.empty());
  EXPECT_FALSE(request.port);
  EXPECT_EQ(request.framing, Framing::none);
  EXPECT_FALSE(request.keep_alive);
}

TEST(Rfc9110_15, ReasonPhrases) {
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(413), "Content Too Large");
  EXPECT_EQ(reason_phrase(599), "Unknown");
}

}  // namespace
}  // namespace cgisrv::http
