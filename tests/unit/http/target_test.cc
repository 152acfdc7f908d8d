#include "http/target.h"

#include <gtest/gtest.h>

#include <string>

namespace cgisrv::http {
namespace {

TEST(Rfc9112_3_2_1, OriginForm) {
  const auto target = parse_target("GET", "/a%20b//c?d?e=/");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::origin);
  EXPECT_EQ(target->path, "/a%20b//c");
  EXPECT_TRUE(target->has_query);
  EXPECT_EQ(target->query, "d?e=/");
  EXPECT_FALSE(parse_target("GET", "/")->has_query);
  EXPECT_TRUE(parse_target("GET", "/?")->has_query);
  EXPECT_EQ(parse_target("GET", "//evil/")->path, "//evil/");
}

TEST(Rfc9112_3_2_2, AbsoluteForm) {
  const auto target = parse_target("GET", "HTTPS://[::1]:81/a?b");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::absolute);
  EXPECT_EQ(target->scheme, "HTTPS");
  EXPECT_EQ(target->host, "[::1]");
  EXPECT_EQ(target->port, 81);
  EXPECT_EQ(target->path, "/a");
  EXPECT_EQ(target->query, "b");
}

TEST(Rfc9112_3_2_2, AbsoluteFormWithoutPath) {
  EXPECT_EQ(parse_target("GET", "http://x")->path, "/");
  const auto target = parse_target("GET", "http://x?a");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->host, "x");
  EXPECT_EQ(target->path, "/");
  EXPECT_EQ(target->query, "a");
}

TEST(Rfc9110_4_2, AbsoluteFormNeedsAHostAndNoUserinfo) {
  for (const auto* raw :
       {"http:///a", "http://", "http:", "http:/a", "http://u@x/", "http://u:p@x/", "http://:80/",
        "ftp://x/", "urn:x", "://x", "http//x", "http://x:y/"}) {
    EXPECT_FALSE(parse_target("GET", raw)) << raw;
  }
}

TEST(Rfc9112_3_2_3, AuthorityFormGoesWithConnectAlone) {
  const auto target = parse_target("CONNECT", "x:443");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::authority);
  EXPECT_EQ(target->host, "x");
  EXPECT_EQ(target->port, 443);
  EXPECT_FALSE(parse_target("CONNECT", "x"));
  EXPECT_FALSE(parse_target("CONNECT", "/"));
  EXPECT_FALSE(parse_target("CONNECT", "http://x/"));
  EXPECT_FALSE(parse_target("GET", "x:443"));
}

TEST(Rfc9112_3_2_4, AsteriskFormGoesWithOptionsAlone) {
  EXPECT_EQ(parse_target("OPTIONS", "*")->form, TargetForm::asterisk);
  EXPECT_FALSE(parse_target("GET", "*"));
  EXPECT_FALSE(parse_target("OPTIONS", "*a"));
}

TEST(Rfc9112_3_2, NoFormAndForbiddenBytes) {
  for (const auto* raw :
       {"", "a", "a/b", "?a", "/#", "/?#", "/a b", "/\\", "/a\\?b", "http://x/\\", "http://x\\y",
        "/\t", "/\x7f", "/?\x7f", "/\x01", "/?\n", "http://\xc3\xa9/"}) {
    EXPECT_FALSE(parse_target("GET", raw)) << raw;
  }
  EXPECT_FALSE(parse_target("GET", std::string_view("/\0", 2)));
}

// Fault 4.
TEST(Rfc9112_3_2, WhatClientsLeaveUnencodedIsTaken) {
  const auto* const query = "\\frac{1}{2}\"<>^`|[]{}'\xc3\xa9\xff\x80?/%";
  const auto raw = std::string("/\xe4\xb8\xad\xe9?") + query;
  const auto target = parse_target("GET", raw);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/\xe4\xb8\xad\xe9");
  EXPECT_EQ(target->query, query);
  EXPECT_EQ(parse_target("GET", "http://x/\xe9?\\")->path, "/\xe9");
}

TEST(Rfc3986_3_4, EncodesTheQueryOfALocation) {
  EXPECT_EQ(encode_query("a=%C3%A9&b=/?:@!$'()*+,;-._~"), "a=%C3%A9&b=/?:@!$'()*+,;-._~");
  EXPECT_EQ(encode_query("\xc3\xa9\\\"<>^`|{}[]#\r\n "),
            "%C3%A9%5C%22%3C%3E%5E%60%7C%7B%7D%5B%5D%23%0D%0A%20");
}

TEST(Rfc9110_7_2, Authority) {
  const auto named = parse_authority("www.example.org.:8080");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->host, "www.example.org.");
  EXPECT_EQ(named->port, 8080);
  EXPECT_EQ(parse_authority("[2001:db8::1]:1")->host, "[2001:db8::1]");
  EXPECT_EQ(parse_authority("[::ffff:127.0.0.1]")->host, "[::ffff:127.0.0.1]");
  EXPECT_EQ(parse_authority("x:")->port, std::nullopt);
  EXPECT_EQ(parse_authority("x:65535")->port, 65535);
  EXPECT_EQ(parse_authority("")->host, "");
  for (const auto* raw :
       {"u@x",         "x/y",
        "x,y",         "x y",
        " x",          "x:y",
        "x:1:2",       "::1",
        ":80",         ":",
        "[]",          "[::1",
        "[::1]x",      "[::1]]",
        "[g::]",       "[v1.x]",
        "[127.0.0.1]", "x:65536",
        "x:-1",        "x:+1",
        "x\"",         "x'",
        "x$",          "x%41",
        "\xc3\xa4",    "[1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222]"}) {
    EXPECT_FALSE(parse_authority(raw)) << raw;
  }
}

std::string decoded(std::string_view raw) {
  const auto path = decode_path(raw);
  return path ? path->text : "refused";
}

TEST(Path, IsDecodedOnce) {
  EXPECT_EQ(decoded("/a%20b"), "/a b");
  EXPECT_EQ(decoded("/%41%4a%4A"), "/AJJ");
  EXPECT_EQ(decoded("/%252e%252e/"), "/%2e%2e/");
  EXPECT_EQ(decoded("/a%0ab+c"), "/a\nb+c");
  EXPECT_EQ(decoded("/%c0%ae%c0%ae/"), "/\xc0\xae\xc0\xae/");
  EXPECT_EQ(decoded("/%5c..%5c"), "/\\..\\");
}

TEST(Rfc3986_5_2_4, DotSegmentsAndRepeatedSlashesGo) {
  EXPECT_EQ(decoded("/"), "/");
  EXPECT_EQ(decoded("//"), "/");
  EXPECT_EQ(decoded("/a//b///c//"), "/a/b/c/");
  EXPECT_EQ(decoded("/./a/./b/."), "/a/b/");
  EXPECT_EQ(decoded("/a/b/../c"), "/a/c");
  EXPECT_EQ(decoded("/a/b/.."), "/a/");
  EXPECT_EQ(decoded("/a/.."), "/");
  EXPECT_EQ(decoded("/a//../b"), "/b");
  EXPECT_EQ(decoded("/..."), "/...");
  EXPECT_EQ(decoded("/..;/a"), "/..;/a");
}

TEST(Path, NothingClimbsAboveTheRoot) {
  for (const auto* raw : {"/..", "/../a", "/a/../..", "/a/../../b", "//..", "/./.."}) {
    EXPECT_EQ(decoded(raw), "refused") << raw;
  }
}

TEST(Path, EncodedDotSegmentsAreRefused) {
  for (const auto* raw : {"/%2e", "/%2E%2e", "/.%2e/a", "/a/%2e./b", "/a/..%2fb", "/a%2f..%2fb",
                          "/a%2f..", "/a%2f.", "/%2f%2e%2e"}) {
    EXPECT_EQ(decoded(raw), "refused") << raw;
  }
}

TEST(Path, BrokenEscapesAndNulAreRefused) {
  for (const auto* raw : {"/%", "/%4", "/%4/a", "/%4g", "/%g4", "/%%32%65", "/a%00", "/%u0041"}) {
    EXPECT_EQ(decoded(raw), "refused") << raw;
  }
  EXPECT_EQ(decoded(""), "refused");
  EXPECT_EQ(decoded("a"), "refused");
}

TEST(Path, PlainEndsBeforeTheSegmentWithAnEncodedSlash) {
  const struct {
    const char* raw;
    const char* text;
    const char* plain;
  } cases[] = {
      {"/a/b", "/a/b", "/a/b"},
      {"/a/b%2Fc/d", "/a/b/c/d", "/a/"},
      {"/%2fa", "//a", "/"},
      {"/a/b%2f", "/a/b/", "/a/"},
      {"/a/b%2fc/d%2fe", "/a/b/c/d/e", "/a/"},
      {"/x/../a/b%2fc//.", "/a/b/c/", "/a/"},
  };
  for (const auto& c : cases) {
    const auto path = decode_path(c.raw);
    ASSERT_TRUE(path) << c.raw;
    EXPECT_EQ(path->text, c.text);
    EXPECT_EQ(path->text.substr(0, path->plain), c.plain) << c.raw;
  }
  EXPECT_FALSE(decode_path("/a%2fb/../c"));
}

TEST(Path, TenKilobytesOfEncodedSlashes) {
  std::string raw = "/a/";
  for (int i = 0; i < 3400; ++i)
    raw += "%2f";
  const auto path = decode_path(raw);
  ASSERT_TRUE(path);
  EXPECT_EQ(path->text.size(), 3403U);
  EXPECT_EQ(path->plain, 3U);
}

TEST(Rfc3986_2_1, EncodePath) {
  EXPECT_EQ(encode_path("/a b/%?#\"<>\\\x01\xff"), "/a%20b/%25%3F%23%22%3C%3E%5C%01%FF");
  EXPECT_EQ(encode_path("/az09-._~!$&'()*+,;=:@/"), "/az09-._~!$&'()*+,;=:@/");
}

TEST(EncodePath, NeverMakesAHostName) {
  EXPECT_EQ(encode_path("//evil.example/"), "/%2Fevil.example/");
  EXPECT_EQ(encode_path("///"), "/%2F/");
}

}  // namespace
}  // namespace cgisrv::http
