#include <gtest/gtest.h>

#include "exchange/answer_fields.h"

namespace cgisrv::exchange {
namespace {

using config::TypeRules;

TEST(TypeRules, WithoutAnyItIsAsTheTableHasIt) {
  const TypeRules none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(content_type(none, "/srv/a.html"), "text/html");
  EXPECT_EQ(content_type(none, "/srv/a.txt"), "text/plain; charset=utf-8");
  EXPECT_EQ(content_type(none, "/srv/README"), "application/octet-stream");
}

TEST(TypeRules, TheLongestEndingGoesBeforeTheTable) {
  const TypeRules rules{
      .by_ending = {{".gz", "application/x-gzip"}, {".tar.gz", "application/x-tgz"}}};
  EXPECT_EQ(content_type(rules, "/a.GZ"), "application/x-gzip");
  EXPECT_EQ(content_type(rules, "/a.tar.gz"), "application/x-tgz");
  EXPECT_EQ(content_type(rules, "/.gz"), "application/octet-stream") << "a name, and no ending";
  EXPECT_EQ(content_type(rules, "/x.gz/a"), "application/octet-stream");
}

TEST(TypeRules, OtherIsForWhatNobodyKnows) {
  const TypeRules rules{.other = "text/plain"};
  EXPECT_EQ(content_type(rules, "/README"), "text/plain; charset=utf-8");
  EXPECT_EQ(content_type(rules, "/a.png"), "image/png");
}

TEST(TypeRules, ACharsetIsSaidOfAllTextAndOfTextAlone) {
  const TypeRules rules{.by_ending = {{".log", "text/plain"}}, .charset = "iso-8859-1"};
  EXPECT_EQ(content_type(rules, "/a.html"), "text/html; charset=iso-8859-1");
  EXPECT_EQ(content_type(rules, "/a.txt"), "text/plain; charset=iso-8859-1");
  EXPECT_EQ(content_type(rules, "/a.log"), "text/plain; charset=iso-8859-1");
  EXPECT_EQ(content_type(rules, "/a.json"), "application/json");
}

TEST(TypeRules, NoneSaysNothing) {
  const TypeRules rules{.by_ending = {{".log", "text/plain; charset=koi8-r"}}, .charset = "none"};
  EXPECT_EQ(content_type(rules, "/a.html"), "text/html");
  EXPECT_EQ(content_type(rules, "/a.txt"), "text/plain");
  EXPECT_EQ(content_type(rules, "/a.log"), "text/plain; charset=koi8-r") << "said by itself";
}

TEST(TypeRules, OtherParametersStay) {
  const TypeRules rules{.by_ending = {{".txt", "text/plain; format=flowed"}}};
  EXPECT_EQ(content_type(rules, "/a.txt"), "text/plain; format=flowed; charset=utf-8");
}

}  // namespace
}  // namespace cgisrv::exchange
