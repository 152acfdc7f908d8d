// What regular expressions cost a request in all.
#include <gmock/gmock.h>

#include <algorithm>

#include "config/site.h"
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

// The budget may be used up by what a request goes on with, and then a file is asked about by its
// other paths.
TEST_F(LocateByRegex, AnExpressionThatGivesUpTakesThePlaceOfNoRule) {
  site.access.auth = {.realm = "Staff"};
  site.access.allow.emplace().add("192.0.2.1");
  Location& open = add(MatchKind::regex, "^/public/", {});
  open.access.auth = {.is_open = true};
  open.access.allow.emplace().add("all");
  auto pattern = pattern::Pattern::compile(open.match.text);
  CGISRV_CHECK(pattern);
  open.match.pattern = std::make_shared<const pattern::Pattern>(std::move(*pattern));
  const auto holds_of_site = [&](Key key, std::string path) {
    const auto rules = rules_for(site, http::plain_path(std::move(path)), key);
    return std::ranges::count(rules, nullptr, &Rule::location) == 1;
  };
  for (const Key key : {has_allow, has_auth}) {
    EXPECT_FALSE(holds_of_site(key, "/public/x"));
    const pattern::Budget used_up(1);
    EXPECT_TRUE(holds_of_site(key, "/public/x"));
  }
}

TEST_F(LocateByRegex, AnExpressionThatGivesUpSendsNoSource) {
  config::Site& other = config.sites[1];
  other.root = tree.path() + "/bin";
  other.real_root = other.root;
  const auto add_expression = [&](const char* text) -> Location& {
    Location& location = other.locations.emplace_back();
    auto pattern = pattern::Pattern::compile(text);
    CGISRV_CHECK(pattern);
    location.match = {MatchKind::regex, text};
    location.match.pattern = std::make_shared<const pattern::Pattern>(std::move(*pattern));
    return location;
  };
  add_expression("[.](js|md)$").files_only = true;
  add_expression("[.]py$").program = config::ProgramKind::in_place;
  tree.file("bin/x.py");
  EXPECT_EQ(status_of("/bin/x.py"), 403);
  const pattern::Budget used_up(1);
  EXPECT_EQ(status_of("/bin/x.py"), 403);
}

}  // namespace
}  // namespace cgisrv::site
