#include "gateway/cgi_head.h"

#include <gtest/gtest.h>

namespace cgisrv::gateway {
namespace {

std::string written(const http::Response& response, http::Content content) {
  std::string text;
  write_cgi_head(text, response, content);
  return text;
}

TEST(CgiHead, HasTheStatusFirst) {
  http::Response response{.status = 404};
  response.add("Content-Type", "text/plain");
  response.content_length = 12;
  response.date = "now";
  response.server = "me";
  EXPECT_EQ(written(response, http::Content::sized),
            "Status: 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n");
}

TEST(CgiHead, HasTheReasonOfTheProgram) {
  EXPECT_EQ(written({.status = 299, .reason = "Fine"}, http::Content::unsized),
            "Status: 299 Fine\r\n\r\n");
  EXPECT_EQ(written({.status = 200, .reason = "a\r\nb"}, http::Content::unsized),
            "Status: 200 OK\r\n\r\n");
}

TEST(CgiHead, LeavesOutWhatIsOfAConnection) {
  http::Response response;
  for (const char* name : {"Connection", "Transfer-Encoding", "keep-alive", "Status", "Bad Name"})
    response.add(name, "x");
  response.add("X", "a\nb");
  response.add("Y", "1");
  EXPECT_EQ(written(response, http::Content::unsized), "Status: 200 OK\r\nY: 1\r\n\r\n");
}

TEST(CgiHead, HasALengthWhereContentHasOne) {
  http::Response response;
  response.content_length = 3;
  EXPECT_EQ(written(response, http::Content::none), "Status: 200 OK\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(written(response, http::Content::unsized), "Status: 200 OK\r\n\r\n");
  response.status = 204;
  EXPECT_EQ(written(response, http::Content::none), "Status: 204 No Content\r\n\r\n");
}

}  // namespace
}  // namespace cgisrv::gateway
