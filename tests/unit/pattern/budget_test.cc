#include "pattern/budget.h"

#include <gmock/gmock.h>

#include <cerrno>

namespace cgisrv::pattern {
namespace {

Pattern compiled(const std::string& text) {
  auto pattern = Pattern::compile(text);
  EXPECT_TRUE(pattern) << text;
  return *pattern;
}

std::string many(std::size_t count, std::string_view text) {
  std::string all;
  while (count-- > 0)
    all += text;
  return all;
}

struct Case {
  std::string pattern;
  std::string text;
};

// None of them takes many steps from one place in the text; a step looks at many bytes, or there
// are many places.
TEST(Budget, CountsBytesAndPlacesToo) {
  const Case cases[] = {
      {"(?:[a-z]+-|[a-z]+_|[a-z])*[.]qz0$", "/" + many(1000, "a") + ",.qz0x"},
      {"^/(?:[a-z]+-|[a-z]+_|[a-z])*[.]qz$", "/" + many(3900, "a") + ",qz"},
      {"(.*)\\1\\1\\1qz", "/" + many(1900, "a") + ",qz"},
      {"(a*)(a*)\\1\\2z", "/" + many(1900, "a") + ",qz"},
      {"(?:(?!.*[.]php)\\w)+[.]qz", "/" + many(3900, "a") + ",.qz"},
      {"(?:(?=\\w*-)\\w|\\w)*[.]qz", "/" + many(3900, "a") + ",.qz"},
      {"(?:a{1000}-|a{900})*[.]z", many(4, many(999, "a") + "/") + ".z"},
      {".*.*.*.*qz", "/" + many(3900, "a") + ",q,z"},
      {"(a|aa)+z", "/" + many(3900, "a") + ",qz"},
  };
  for (const auto& [pattern, text] : cases) {
    const Budget budget;
    const auto found = compiled(pattern).match(text);
    ASSERT_FALSE(found) << pattern << " took " << Budget::work_max - budget.left();
    EXPECT_EQ(found.error().code, ELOOP) << pattern;
    EXPECT_EQ(budget.left(), 0);
  }
}

// What people write, and paths that people ask for, or are long.
TEST(Budget, IsFarAwayForUsualExpressions) {
  const std::string article = "/wiki/Special:Search/" + many(200, "A_long-name.of%an article/");
  const std::string longest = "/" + many(4095, "a");
  const Case cases[] = {
      {"^/wiki/(.*)$", article.substr(0, 4000)},
      {"^/(?<lang>[a-z]{2,3})/wiki/(?<title>.+)$", "/de/wiki/" + many(400, "Haus/")},
      {"^/(?!(?:load|index|api)\\.php)(.*)$", longest},
      {"^/w/(?:index|api|load|rest)\\.php(?:/.*)?$", "/w/index.php/" + many(300, "Main_Page/")},
      {"^/rev/(?<id>[0-9a-f]{7,40})(?:/|$)", "/rev/" + many(40, "f")},
      {"\\.(?:png|jpe?g|gif|svg|css|js)$", many(400, "/a.png.d") + "/a.png"},
      {"\\.(?:php[3457]?|phtml|inc)(?=/|$)", many(400, "/ph.p/i") + "/a.inc/x"},
      {"/(conf|data|inc)/", many(500, "/con") + "/inc/"},
      {".*a", longest},
      {"(.*)/(.*)\\.cgi(/.*)?$", many(50, "/folder") + "/a.cgi/info"},
      {"^/~(?<user>[a-z][a-z0-9_-]*)/(?<file>.*)$", "/~alice/" + many(600, "notes/")},
      {"(?i)^/images/([0-9a-f])/\\1[0-9a-f]/[^/]+$", "/Images/a/ab/" + many(200, "picture")},
      {"^/(\\d{4})/(\\d{2})/(\\d{2})/([\\w-]+)/?$", "/2026/11/30/" + many(200, "a-long-title")},
  };
  for (const auto& [pattern, text] : cases) {
    const Budget budget;
    const auto found = compiled(pattern).match(text);
    ASSERT_TRUE(found) << pattern << ": " << found.error().what;
    EXPECT_TRUE(found->matches) << pattern;
    EXPECT_LT(Budget::work_max - budget.left(), Budget::work_max / 10) << pattern;
  }
}

TEST(Budget, NothingIsAskedTwice) {
  const Pattern pattern = compiled("^/(a*)(b*)"), other = compiled("^/(a*)x?(b*)");
  const Budget budget;
  ASSERT_EQ(pattern.match("/aab")->end, 4);
  const auto left = budget.left();
  EXPECT_LT(left, Budget::work_max);
  const auto again = pattern.match("/aab");
  EXPECT_EQ(again->end, 4);
  EXPECT_EQ(again->captures.at(1).text, "aa");
  EXPECT_EQ(budget.left(), left);
  EXPECT_EQ(other.match("/aab")->end, 4);
  EXPECT_LT(budget.left(), left) << "another expression";
  EXPECT_EQ(pattern.match("/ab")->end, 3) << "another text";
}

TEST(Budget, IsSharedByAllWithinIt) {
  const Pattern costly = compiled("^/(a+)+$"), cheap = compiled("^/a");
  const std::string evil = "/" + std::string(100, 'a') + "!";
  {
    const Budget budget;
    const Budget joins;
    EXPECT_EQ(costly.match(evil).error().code, ELOOP);
    EXPECT_EQ(budget.left(), 0);
    const auto found = cheap.match(evil);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ELOOP);
    EXPECT_THAT(found.error().what, testing::HasSubstr("together with"));
    EXPECT_THAT(costly.match(evil).error().what, testing::Not(testing::HasSubstr("together")));
  }
  EXPECT_TRUE(cheap.match(evil)->matches) << "the next request has its own";
  EXPECT_TRUE(cheap.match(evil)->matches);
}

}  // namespace
}  // namespace cgisrv::pattern
