// What regular expressions cost a request in all.
#include <gmock/gmock.h>

#include "locate_fixture.h"
#include "pattern/budget.h"
#include "site/access_rules.h"

namespace cgisrv::site {
namespace {

using config::Location, config::MatchKind, testing::HasSubstr;
using Kind = Located::Kind;

using LocateByRegex = Locate;

// Each alone would not give up.
TEST_F(LocateByRegex, AllExpressionsTogetherHaveOneBudget) {
  const std::string path = "/" + std::string(60, 'a') + ".txt";
  const auto add_expression = [&] {
    Location& location = add(MatchKind::regex, "(a*)(a*)(a*)[.]$", {});
    auto pattern = pattern::Pattern::compile(location.match.text);
    CGISRV_CHECK(pattern);
    location.match.pattern = std::make_shared<const pattern::Pattern>(std::move(*pattern));
  };
  tree.file(path.substr(1));
  add_expression();
  EXPECT_EQ(find(path).kind, Kind::file);
  for (int count = 1; count < 30; ++count)
    add_expression();
  const auto located = find(path);
  EXPECT_EQ(located.status, 500);
  EXPECT_THAT(located.problem, HasSubstr("together with the others"));
}

// The same paths are asked about by the router, by rules of access, and by those of passwords.
TEST_F(LocateByRegex, AnExpressionIsAskedOnceForAPath) {
  Location& location = add(MatchKind::regex, "^/(a+)[.]b", {});
  location.access.allow.emplace().add("all");
  location.access.auth = {.realm = "Staff"};
  auto pattern = pattern::Pattern::compile(location.match.text);
  CGISRV_CHECK(pattern);
  location.match.pattern = std::make_shared<const pattern::Pattern>(std::move(*pattern));
  tree.file("aaa.b");
  const http::Path path{"/aaa.b", 6};
  const pattern::Budget budget;
  ASSERT_TRUE(location.match.pattern->match(path.text));
  const auto left = budget.left();
  const auto located = locate(config, site, path, visitor);
  EXPECT_EQ(located.kind, Kind::file);
  EXPECT_EQ(password_rules_for(config, site, path, located).size(), 1);
  EXPECT_EQ(budget.left(), left);
}

}  // namespace
}  // namespace cgisrv::site
