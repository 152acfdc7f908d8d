#include "proxy/request_id.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace cgisrv::proxy {
namespace {

using testing::HasSubstr;
using Fields = std::vector<http::FieldView>;

constexpr std::string_view trace = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr std::string_view traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

// The id, or what is wrong.
std::string found(const Fields& fields) {
  const auto id = find_request_id(fields);
  return id ? std::string(*id) : id.error().what;
}

TEST(RequestId, IsWhatProxiesMake) {
  for (const std::string_view id : {"60b725f10c9c85c70d97880dfe8191b3",                // nginx
                                    "7F000001:8296_7F00001E:1F90_4F7B0A69_0003:790E",  // HAProxy
                                    "8f14e45f-ceea-467f-a0e6-3d2ea5b1c0de",
                                    "Zq-8@AoAAAEAAB7tCAAAAAB", "e2c8d2a1-0f6b-4c5e#7", "_x=", "7"})
    EXPECT_TRUE(is_request_id(id)) << id;
  EXPECT_TRUE(is_request_id(std::string(request_id_bytes_max, 'x')));
}

TEST(RequestId, CannotPoseAsAnythingElse) {
  for (const std::string_view id :
       {"",     ".",    "..",   "../x", "a/b",   "-rf",      "a b", "a\"b", "a'b",
        "a\\b", "a\nb", "a\tb", "a]b",  "a[b",   "<b>",      "a&b", "a;b",  "a$b",
        "a`b",  "a%b",  "a,b",  "a{b",  "a\x7f", "\xc3\xa9", "@a",  ":a"})
    EXPECT_FALSE(is_request_id(id)) << id;
  EXPECT_FALSE(is_request_id(std::string("a\0b", 3)));
  EXPECT_FALSE(is_request_id(std::string(request_id_bytes_max + 1, 'x')));
}

TEST(RequestId, ATraceIsNamedByAValidTraceparentAlone) {
  EXPECT_EQ(trace_id_of(traceparent), trace);
  const std::string whole(traceparent);
  EXPECT_EQ(trace_id_of("cc" + whole.substr(2)), trace) << "a later version";
  EXPECT_EQ(trace_id_of("cc" + whole.substr(2) + "-more"), trace);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string wrong = whole;
    wrong[at] = 'G';
    EXPECT_EQ(trace_id_of(wrong), "") << wrong;
    EXPECT_EQ(trace_id_of(whole.substr(0, at)), "");
  }
  for (const std::string& wrong :
       {whole + "-more", whole + "x", "cc" + whole.substr(2) + "x", "ff" + whole.substr(2),
        "00-" + std::string(32, '0') + whole.substr(35),
        whole.substr(0, 36) + std::string(16, '0') + "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736" + whole.substr(35)})
    EXPECT_EQ(trace_id_of(wrong), "") << wrong;
}

TEST(RequestId, OfSeveralTheLastIsTheProxys) {
  EXPECT_EQ(found({}), "");
  EXPECT_EQ(found({{"Host", "x"}}), "");
  EXPECT_EQ(found({{"x-request-id", "one"}}), "one");
  EXPECT_EQ(found({{"X-Request-ID", "forged"}, {"X-Request-ID", "one"}}), "one");
  EXPECT_EQ(found({{"X-Request-ID", "forged, \"x\", one"}}), "one");
  EXPECT_EQ(found({{"X-Request-ID", "a b"}, {"X-Request-ID", "one"}}), "one");
}

TEST(RequestId, ATraceNamesTheRequestWhereNothingElseDoes) {
  EXPECT_EQ(found({{"Traceparent", traceparent}}), trace);
  EXPECT_EQ(found({{"traceparent", traceparent}, {"x-request-id", "one"}}), "one");
  EXPECT_EQ(found({{"traceparent", traceparent}, {"x-request-id", ""}}), trace);
  EXPECT_EQ(found({{"tracestate", "a=b"}}), "");
}

TEST(RequestId, WhatCannotBeTakenIsTold) {
  EXPECT_THAT(found({{"X-Request-ID", "a\"\nb"}}),
              HasSubstr("a trusted proxy sent X-Request-ID: a\\x22\\x0ab, which is not taken"));
  EXPECT_THAT(found({{"traceparent", traceparent}, {"X-Request-ID", "one,"}}),
              HasSubstr("X-Request-ID: one,"));
  EXPECT_THAT(found({{"traceparent", "00-x"}}), HasSubstr("traceparent: 00-x"));
  EXPECT_EQ(check_request_id("REQUEST_ID", "one").value(), "one");
  EXPECT_EQ(check_request_id("REQUEST_ID", "").value(), "");
  EXPECT_THAT(check_request_id("REQUEST_ID", "a b").error().what,
              HasSubstr("the web server sent REQUEST_ID: a b, which"));
}

TEST(RequestId, FieldsThatNameARequest) {
  for (const std::string_view name : {"X-Request-ID", "x-request-id", "traceparent", "TraceState"})
    EXPECT_TRUE(names_request(name)) << name;
  for (const std::string_view name : {"X-Request-Id2", "", "X-Forwarded-For", "X_Request_ID"})
    EXPECT_FALSE(names_request(name)) << name;
}

}  // namespace
}  // namespace cgisrv::proxy
