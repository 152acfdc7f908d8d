#include "proxy/forwarded.h"

#include <gmock/gmock.h>

namespace cgisrv::proxy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Rfc7239_6, Nodes) {
  struct Case {
    const char* text;
    const char* ip;  // empty: hidden
    const char* port;
  };
  for (const auto& [text, ip, port] :
       {Case{"192.0.2.43", "192.0.2.43", ""}, Case{"192.0.2.43:47011", "192.0.2.43", "47011"},
        Case{"192.0.2.43:_x", "192.0.2.43", "_x"},
        Case{"[2001:db8:cafe::17]", "2001:db8:cafe::17", ""},
        Case{"[2001:db8:cafe::17]:4711", "2001:db8:cafe::17", "4711"},
        Case{"2001:db8:cafe::17", "2001:db8:cafe::17", ""},
        Case{"::ffff:192.0.2.1", "192.0.2.1", ""}, Case{"unknown", "", ""}, Case{"Unknown", "", ""},
        Case{"_gazonk", "", ""}, Case{"unknown:80", "", "80"},
        Case{"_SEVKISEK:_port", "", "_port"}}) {
    const auto node = parse_node(text);
    ASSERT_TRUE(node) << text;
    EXPECT_EQ(node->ip ? node->ip->text() : "", ip) << text;
    EXPECT_EQ(node->port, port) << text;
  }
}

TEST(Rfc7239_6, NoNodes) {
  for (const auto* text : {"",
                           " ",
                           "localhost",
                           "example.org",
                           "192.0.2",
                           "192.0.2.43:",
                           "192.0.2.43:123456",
                           "192.0.2.43:x",
                           "[192.0.2.43]",
                           "[::1",
                           "::1]",
                           "[::1]x",
                           "[::1]:",
                           "_",
                           "_a b",
                           "_a\xc3",
                           "2001:db8::1:80:x",
                           "(null)",
                           "\"192.0.2.43\"",
                           "192.0.2.43, 192.0.2.44",
                           "1:2"})
    EXPECT_FALSE(parse_node(text)) << text;
}

std::vector<std::string> nodes(std::string_view line) {
  std::vector<std::string> found;
  const auto elements = parse_forwarded(line);
  EXPECT_TRUE(elements) << line << ": " << (elements ? "" : elements.error().what);
  if (elements)
    for (const Element& each : *elements)
      found.push_back(each.node);
  return found;
}

TEST(Rfc7239_4, TheExamplesOfTheRfc) {
  EXPECT_THAT(nodes("for=\"_gazonk\""), ElementsAre("_gazonk"));
  EXPECT_THAT(nodes("For=\"[2001:db8:cafe::17]:4711\""), ElementsAre("[2001:db8:cafe::17]:4711"));
  EXPECT_THAT(nodes("for=192.0.2.60;proto=http;by=203.0.113.43"), ElementsAre("192.0.2.60"));
  EXPECT_THAT(nodes("for=192.0.2.43, for=198.51.100.17"),
              ElementsAre("192.0.2.43", "198.51.100.17"));
  EXPECT_THAT(nodes("for=_hidden, for=_SEVKISEK"), ElementsAre("_hidden", "_SEVKISEK"));
  EXPECT_THAT(nodes("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"),
              ElementsAre("192.0.2.43", "[2001:db8:cafe::17]", "unknown"));
}

TEST(Rfc7239_4, AllOfAnElement) {
  const auto elements =
      parse_forwarded("proto=https; Host=\"example.org:8443\";for=192.0.2.1;ext=1 , for=_b");
  ASSERT_TRUE(elements);
  ASSERT_THAT(*elements, SizeIs(2));
  EXPECT_EQ(elements->front().proto, "https");
  EXPECT_EQ(elements->front().host, "example.org:8443");
  EXPECT_EQ(elements->front().node, "192.0.2.1");
  EXPECT_EQ(elements->front().text, "proto=https; Host=\"example.org:8443\";for=192.0.2.1;ext=1");
  EXPECT_EQ(elements->back().text, "for=_b");
  EXPECT_EQ(elements->back().proto, "");
}

TEST(Rfc7239_4, QuotedTextsAndWhatProxiesLeaveUnquoted) {
  EXPECT_THAT(nodes("for=\"a\\\"b\\\\c\""), ElementsAre("a\"b\\c"));
  EXPECT_THAT(nodes("for=\"a,b;for=c\""), ElementsAre("a,b;for=c"));
  EXPECT_THAT(nodes("for=192.0.2.1:80;proto=http"), ElementsAre("192.0.2.1:80"));
  EXPECT_THAT(nodes(""), IsEmpty());
  EXPECT_THAT(nodes(" , ,for=a, ,"), ElementsAre("a"));
  EXPECT_THAT(nodes("for=a;"), ElementsAre("a"));
  EXPECT_THAT(nodes("proto=http"), ElementsAre(""));
}

TEST(Rfc7239_4, WhatBreaksTheSyntax) {
  const std::pair<const char*, const char*> lines[] = {
      {"for", "name=value"},         {"for=", "a value was expected"},
      {"=a", "name=value"},          {"for=\"a", "does not end"},
      {"for=\"a\\", "does not end"}, {"for=\"a\"b", "a comma"},
      {"for=a b", "a comma"},        {"for=a;;proto=http", "name=value"},
      {"for=a;for=b", "said twice"}, {"for=\"\"", "no value"},
      {"for =a", "name=value"},      {"for= a", "a value was expected"},
      {"for=a\"b\"", "a comma"},     {"for=a; =b", "name=value"}};
  for (const auto& [line, told] : lines) {
    const auto elements = parse_forwarded(line);
    ASSERT_FALSE(elements) << line;
    EXPECT_THAT(elements.error().what, HasSubstr(told)) << line;
  }
  std::string many;
  for (std::size_t i = 0; i <= elements_max; ++i)
    many += "for=a,";
  EXPECT_FALSE(parse_forwarded(many));
}

// What a client leaves open, its proxy's own line must not close.
TEST(Rfc7239_4, NoQuotedTextGoesOverSeveralElements) {
  for (const auto* forged :
       {"for=\"", "for=6.6.6.6;by=\"", "for=\"6.6.6.6\\", "for=6.6.6.6;x=\"a\\\\"})
    for (const auto* own : {"for=192.0.2.1", "for=\"[2001:db8::1]\"", "for=192.0.2.1;host=\"a\""})
      EXPECT_FALSE(parse_forwarded(std::string(forged) + ", " + own)) << forged << own;
}

TEST(Lists, AreTrimmedAndBounded) {
  EXPECT_THAT(parse_list(" a ,\tb,, c d ,"), ElementsAre("a", "b", "c d"));
  EXPECT_THAT(parse_list(""), IsEmpty());
  std::string many;
  for (std::size_t i = 0; i < elements_max + 5; ++i)
    many += std::to_string(i) + ",";
  EXPECT_THAT(parse_list(many), SizeIs(elements_max));
  EXPECT_EQ(parse_list(many).back(), std::to_string(elements_max + 4));
}

}  // namespace
}  // namespace cgisrv::proxy
