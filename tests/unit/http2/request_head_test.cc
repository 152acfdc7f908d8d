#include "http2/request_head.h"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

namespace cgisrv::http2 {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const Fields get = {
    {":method", "GET"}, {":scheme", "https"}, {":authority", "a.example"}, {":path", "/x?y"}};

Fields with(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}
Fields without(Fields fields, std::string_view name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}
Fields changed(Fields fields, std::string_view name, const std::string& value) {
  for (auto& field : fields)
    if (field.first == name) field.second = value;
  return fields;
}

Refusal read(const Fields& fields, http::Request& request, bool has_body = false,
             const HeadLimits& limits = {}) {
  RequestHead head(limits);
  for (const auto& [name, value] : fields)
    head.add(name, value);
  return head.read(request, has_body);
}
Refusal read(const Fields& fields, bool has_body = false, const HeadLimits& limits = {}) {
  http::Request request;
  return read(fields, request, has_body, limits);
}

TEST(RequestHead, IsARequestLikeThatOfHttp1) {
  http::Request request;
  EXPECT_EQ(read(with(get, {{"accept", "*/*"}}), request).status, 0);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.raw_target, "/x?y");
  EXPECT_EQ(request.target.path, "/x");
  EXPECT_EQ(request.host, "a.example");
  EXPECT_EQ(request.version, http::Version::http2);
  EXPECT_EQ(request.field("Host"), "a.example");
  EXPECT_EQ(request.field("Accept"), "*/*");
  EXPECT_EQ(request.fields.size(), 2U);
  EXPECT_EQ(request.framing, http::Framing::none);
}

TEST(RequestHead, HostMayStandForTheAuthority) {
  http::Request request;
  EXPECT_EQ(read(with(without(get, ":authority"), {{"host", "b.example:81"}}), request).status, 0);
  EXPECT_EQ(request.host, "b.example");
  EXPECT_EQ(request.port, 81);
  EXPECT_EQ(read(with(get, {{"host", "A.example"}})).status, 0);
}

TEST(RequestHead, HostsThatAreRefused) {
  EXPECT_EQ(read(without(get, ":authority")).status, 400);
  EXPECT_EQ(read(with(get, {{"host", "other.example"}})).status, 400);
  EXPECT_EQ(read(with(get, {{"host", "a.example"}, {"host", "a.example"}})).status, 400);
  for (const char* bad : {"", "user@a.example", "a b", "a/b", "a:99999"})
    EXPECT_EQ(read(changed(get, ":authority", bad)).status, 400) << bad;
}

TEST(RequestHead, PseudoFields) {
  for (const char* name : {":method", ":scheme", ":path"})
    EXPECT_EQ(read(without(get, name)).status, 400) << name;
  for (const auto& [name, value] : get)
    EXPECT_EQ(read(with(get, {{name, value}})).status, 400) << name;
  EXPECT_EQ(read(with(get, {{":status", "200"}})).status, 400);
  EXPECT_EQ(read(with(get, {{":protocol", "websocket"}})).status, 400);
  EXPECT_EQ(read(with({{"accept", "*/*"}}, get)).status, 400);
  EXPECT_EQ(read(changed(get, ":scheme", "ftp")).status, 400);
}

TEST(RequestHead, Targets) {
  for (const char* bad : {"", "x", "http://a.example/", "*", "/a b", "/a#b", "/a\\b", "/a\x01"})
    EXPECT_EQ(read(changed(get, ":path", bad)).status, 400) << bad;
  EXPECT_EQ(read(changed(changed(get, ":method", "OPTIONS"), ":path", "*")).status, 0);
}

TEST(RequestHead, Methods) {
  EXPECT_EQ(read(changed(get, ":method", "get")).status, 501);
  EXPECT_EQ(read(changed(get, ":method", "G T")).status, 400);
  EXPECT_EQ(read(changed(get, ":method", "")).status, 400);
  EXPECT_EQ(read({{":method", "CONNECT"}, {":authority", "a.example:443"}}).status, 0);
  EXPECT_EQ(read(changed(get, ":method", "CONNECT")).status, 400);
}

TEST(RequestHead, FieldsThatAreRefused) {
  const Fields bad = {{"", "x"},
                      {"Accept", "x"},
                      {"a b", "x"},
                      {"a:", "x"},
                      {"a", "x\ny"},
                      {"a", "x\ry"},
                      {"a", std::string("x\0y", 3)},
                      {"a", " x"},
                      {"a", "x\t"},
                      {"connection", "close"},
                      {"keep-alive", "1"},
                      {"proxy-connection", "close"},
                      {"transfer-encoding", "chunked"},
                      {"upgrade", "h2c"},
                      {"te", "gzip"},
                      {"content-length", "1x"},
                      {"content-length", "99999999999999999999"},
                      {"content-length", "-1"}};
  for (const auto& field : bad)
    EXPECT_EQ(read(with(get, {field}), true).status, 400) << field.first << ": " << field.second;
  EXPECT_EQ(read(with(get, {{"content-length", "1"}, {"content-length", "1"}}), true).status, 400);
  EXPECT_EQ(read(with(get, {{"te", "trailers"}})).status, 0);
  EXPECT_EQ(read(with(get, {{"expect", "the-unexpected"}}), true).status, 417);
}

TEST(RequestHead, Bodies) {
  http::Request request;
  EXPECT_EQ(read(get, request, true).status, 0);
  EXPECT_EQ(request.framing, http::Framing::chunked);
  EXPECT_EQ(
      read(with(get, {{"content-length", "5"}, {"expect", "100-continue"}}), request, true).status,
      0);
  EXPECT_EQ(request.framing, http::Framing::length);
  EXPECT_EQ(request.content_length, 5U);
  EXPECT_TRUE(request.expects_continue);
  EXPECT_EQ(read(with(get, {{"content-length", "5"}})).status, 400);
  EXPECT_EQ(read(with(get, {{"content-length", "0"}})).status, 0);
}

TEST(RequestHead, PartsOfACookieAreOneField) {
  http::Request request;
  const HeadLimits limits = {.fields_max = 10};
  Fields many = get;
  for (int i = 0; i < 20; ++i)
    many.emplace_back("cookie", "a=" + std::to_string(i % 2));
  EXPECT_EQ(read(many, request, false, limits).status, 0);
  EXPECT_TRUE(request.field("cookie")->starts_with("a=0; a=1; a=0"));
  EXPECT_EQ(request.fields.size(), 2U);
}

TEST(RequestHead, Limits) {
  Fields many = get;
  for (int i = 0; i < 10; ++i)
    many.emplace_back("x", "y");
  EXPECT_EQ(read(many, false, {.fields_max = 10}).status, 0);
  for (const auto* const more : {"x", "cookie"}) {
    Fields too_many = many;
    too_many.emplace_back(more, "y");
    EXPECT_EQ(read(too_many, false, {.fields_max = 10}).status, 431);
  }
  EXPECT_EQ(
      read(changed(get, ":path", "/" + std::string(100, 'x')), false, {.target_bytes_max = 100})
          .status,
      414);
  RequestHead head({.head_bytes_max = 1000});
  for (const auto& [name, value] : get)
    head.add(name, value);
  for (int i = 0; i < 100; ++i)
    head.add("x", std::string(1000, 'y'));
  http::Request request;
  EXPECT_EQ(head.read(request, false).status, 431);
  EXPECT_GT(head.bytes(), 100'000U);  // counted, and not kept
  EXPECT_EQ(head.line(), "GET /x?y HTTP/2.0");
}

}  // namespace
}  // namespace cgisrv::http2
