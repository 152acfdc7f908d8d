#include "http/method.h"

#include <gtest/gtest.h>

#include "http/octets.h"

namespace cgisrv::http {
namespace {

TEST(Rfc9110_9_1, KnownMethods) {
  EXPECT_TRUE(is_known_method("QUERY"));
  EXPECT_TRUE(is_known_method("GET"));
  EXPECT_FALSE(is_known_method("BREW"));
  EXPECT_FALSE(is_known_method("Get"));
}

TEST(Rfc9110_9_1, MethodsInTheWrongCase) {
  EXPECT_TRUE(is_miscased_method("Get"));
  EXPECT_TRUE(is_miscased_method("m-search"));
  EXPECT_FALSE(is_miscased_method("GET"));
  EXPECT_FALSE(is_miscased_method("Brew"));
}

TEST(Rfc9110_5_6_2, Tokens) {
  EXPECT_TRUE(is_token("M-SEARCH"));
  EXPECT_TRUE(is_token("!#$%&'*+-.^_`|~09azAZ"));
  for (const auto* no : {"",  "a b", "a:", "a\t", "(",  ")", ",", "/", ";",  "<",    "=",
                         ">", "?",   "@",  "[",   "\\", "]", "{", "}", "\"", "\x7f", "\x80"}) {
    EXPECT_FALSE(is_token(no)) << no;
  }
}

}  // namespace
}  // namespace cgisrv::http
