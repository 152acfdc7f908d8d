#include "site/access_rules.h"

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "../temporary_directory.h"
#include "base/check.h"
#include "config/config.h"
#include "site/as_opened.h"
#include "site/locate.h"

namespace cgisrv::site {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

access::AddressSet set(std::initializer_list<const char*> texts) {
  access::AddressSet made;
  for (const auto* text : texts)
    CGISRV_CHECK(made.add(text).empty());
  return made;
}

const access::Peer here{access::Peer::Kind::ip, *access::Ip::parse("127.0.0.1"), true};
const access::Peer neighbour = access::Peer::of(*access::Ip::parse("192.0.2.7"));
const access::Peer stranger = access::Peer::of(*access::Ip::parse("198.51.100.7"));

class AccessRulesTest : public testing::Test {
 protected:
  config::Location& add(config::MatchKind kind, std::string text,
                        std::optional<access::AddressSet> allow = {}) {
    config::Location location;
    location.match = {kind, std::move(text)};
    location.access.allow = std::move(allow);
    return site.locations.emplace_back(std::move(location));
  }
  // The letters of those who are let in: here, neighbour, stranger.
  std::string who(std::string_view raw) const {
    const auto path = http::decode_path(raw);
    CGISRV_CHECK(path);
    std::string letters;
    if (refusal_by_path(site, *path, here).empty()) letters += 'h';
    if (refusal_by_path(site, *path, neighbour).empty()) letters += 'n';
    if (refusal_by_path(site, *path, stranger).empty()) letters += 's';
    return letters;
  }

  config::Site site{.server_name = {"example.org"}, .root = "/srv/www"};
};

TEST_F(AccessRulesTest, EverybodyWhereNothingIsSaid) {
  add(config::MatchKind::prefix, "/a/");
  EXPECT_EQ(who("/a/b"), "hns");
}

TEST_F(AccessRulesTest, TheSitesHoldsWhereNoLocationSaysOtherwise) {
  site.access.allow = set({"local"});
  add(config::MatchKind::prefix, "/silent/");
  add(config::MatchKind::prefix, "/open/", set({"all"}));
  add(config::MatchKind::extension, ".cgi", set({"192.0.2.0/24"}));
  EXPECT_EQ(who("/"), "h");
  EXPECT_EQ(who("/silent/x"), "h");
  EXPECT_EQ(who("/open/x"), "hns");
  EXPECT_EQ(who("/x.cgi"), "n") << "the ending says otherwise";
}

TEST_F(AccessRulesTest, TheMostSpecificPrefixCounts) {
  add(config::MatchKind::prefix, "/a/", set({"local"}));
  add(config::MatchKind::prefix, "/a/b/", set({"local", "192.0.2.0/24"}));
  add(config::MatchKind::exact, "/a/b/c", set({"all"}));
  add(config::MatchKind::prefix, "/a/silent/");
  EXPECT_EQ(who("/a/x"), "h");
  EXPECT_EQ(who("/a/b/x"), "hn");
  EXPECT_EQ(who("/a/b/c"), "hns");
  EXPECT_EQ(who("/a/b/c/d"), "hn");
  EXPECT_EQ(who("/a/silent/x"), "h") << "inherited";
  EXPECT_EQ(who("/b"), "hns");
}

TEST_F(AccessRulesTest, AnEndingAndAPrefixHaveToAgree) {
  add(config::MatchKind::prefix, "/private/", set({"local"}));
  config::Location& programs = add(config::MatchKind::extension, ".cgi");
  programs.program = config::ProgramKind::in_place;
  EXPECT_EQ(who("/private/x.cgi"), "h") << "the ending answers, and says nothing";
  programs.access.allow = set({"all"});
  EXPECT_EQ(who("/private/x.cgi"), "h");
  programs.access.allow = set({"192.0.2.0/24"});
  EXPECT_EQ(who("/private/x.cgi"), "");
  EXPECT_EQ(who("/x.cgi/more"), "n");
  EXPECT_EQ(who("/private/x"), "h");
}

TEST_F(AccessRulesTest, SpellingsOfOnePath) {
  add(config::MatchKind::prefix, "/private/", set({"local"}));
  for (const auto* raw : {"/private/x", "//private//x", "/%70rivate/x", "/a/../private/x",
                          "/./private/x", "/private", "/private%2Fx", "/%2Fprivate/x", "/private/",
                          "/private/.", "/private/x/..", "/private;/../private/x"})
    EXPECT_EQ(who(raw), "h") << raw;
  for (const auto* raw : {"/privately", "/x/private/y", "/Private/x", "/private.html"})
    EXPECT_EQ(who(raw), "hns") << raw << " is another one";
}

// Against the rule in ten lines, for all small sites and paths.
TEST_F(AccessRulesTest, AsThePlainRuleSays) {
  const std::vector<config::Match> matches = {{config::MatchKind::exact, "/a/b"},
                                              {config::MatchKind::prefix, "/"},
                                              {config::MatchKind::prefix, "/a/"},
                                              {config::MatchKind::prefix, "/a/b/"},
                                              {config::MatchKind::extension, ".x"}};
  const std::vector<std::string> paths = {"/",      "/a",     "/a/",    "/a/b", "/a/b/",
                                          "/a/b/c", "/a/b.x", "/c.x/d", "/c",   "/a/.x"};
  const auto plain_rule = [&](const std::string& path, unsigned chosen) {
    int best = -1;
    for (int i = 0; i < 4; ++i) {
      const std::string& text = matches[i].text;
      const bool fits = i == 0 ? path == text : (path + "/").starts_with(text) || path == text;
      if ((chosen >> i & 1) != 0 && fits && (best <= 0 ? best != 0 : true)) best = i;
      if (i == 0 && best == 0) break;
    }
    std::vector<unsigned> rules;
    if ((chosen >> 4 & 1) != 0 && (path == "/a/b.x" || path == "/c.x/d")) rules.push_back(4);
    if (best >= 0) rules.push_back(static_cast<unsigned>(best));
    return rules;
  };
  for (unsigned chosen = 0; chosen < 32; ++chosen) {
    site.locations.clear();
    for (unsigned i = 0; i < matches.size(); ++i)
      if ((chosen >> i & 1) != 0) add(matches[i].kind, matches[i].text, set({"local"}));
    for (const std::string& path : paths) {
      std::vector<config::Match> expected;
      for (const unsigned i : plain_rule(path, chosen))
        expected.push_back(matches[i]);
      std::vector<config::Match> found;
      for (const auto& rule : rules_for(site, http::plain_path(path), has_allow))
        found.push_back(rule.location->match);
      const auto same = [](const config::Match& a, const config::Match& b) {
        return a.kind == b.kind && a.text == b.text;
      };
      EXPECT_TRUE(std::ranges::equal(found, expected, same)) << path << " " << chosen;
    }
  }
}

TEST_F(AccessRulesTest, TheRefusalNamesTheRule) {
  add(config::MatchKind::prefix, "/a/", set({"192.0.2.0/24", "local"}));
  site.access.allow = set({});
  EXPECT_EQ(refusal_by_path(site, {"/a/x", 4}, stranger),
            R"(198.51.100.7 is not let in by allow = ["192.0.2.0/24", "local"] of location /a/)");
  EXPECT_EQ(refusal_by_path(site, {"/x", 2}, {access::Peer::Kind::unix_socket, {}, true}),
            "a client on a unix socket is not let in by allow = [] of site example.org");
}

// ---- other ways to a file

class OtherWays : public testing::Test {
 protected:
  OtherWays() {
    tree.file("a/private/page.html");
    tree.file("a/private/now.cgi", 0755);
    tree.file("a/public/page.html");
    config.sites.resize(2);
    config.sites[0] = {.server_name = {"a.example"}, .root = tree.path() + "/a"};
    config.sites[1] = {.server_name = {"b.example"}, .root = tree.path()};
    config::Location location;
    location.match = {config::MatchKind::prefix, "/private/"};
    location.access.allow = set({"local"});
    config.sites[0].locations.push_back(location);
    find_roots();
  }
  void find_roots() {
    for (config::Site& site : config.sites)
      site.real_root = std::filesystem::canonical(site.root).string();
  }
  void link(const std::string& target, const std::string& name) {
    std::filesystem::create_symlink(target, tree.path() + "/" + name);
  }
  // The status for a stranger; 0: it is found.
  int status(std::size_t site, std::string path, const access::Peer& visitor = stranger) {
    const std::size_t plain = path.size();
    const auto found = locate(config, config.sites[site], {std::move(path), plain}, visitor);
    problem = found.problem;
    return found.kind == Located::Kind::error ? found.status : 0;
  }

  TemporaryDirectory tree;
  config::Config config;
  std::string problem;
};

TEST_F(OtherWays, Link) {
  link("../private", "a/public/link");
  link("../private/page.html", "a/public/file");
  EXPECT_EQ(status(0, "/public/page.html"), 0);
  for (const auto* path :
       {"/public/link/page.html", "/public/link/", "/public/link", "/public/file"}) {
    EXPECT_EQ(status(0, path), 403) << path;
    EXPECT_THAT(problem, HasSubstr("not let in by allow = [\"local\"] of location /private/"));
    EXPECT_NE(status(0, path, here), 403) << path;
  }
}

TEST_F(OtherWays, AnotherSitesRoot) {
  EXPECT_EQ(status(1, "/a/private/page.html"), 403);
  EXPECT_THAT(problem, HasSubstr("/a/private/page.html too; write allow for this path"));
  EXPECT_EQ(status(1, "/a/private/page.html", here), 0);
  EXPECT_EQ(status(1, "/a/public/page.html"), 0);
}

TEST_F(OtherWays, Program) {
  config::Location programs;
  programs.match = {config::MatchKind::extension, ".cgi"};
  programs.program = config::ProgramKind::in_place;
  config.sites[1].locations.push_back(programs);
  EXPECT_EQ(status(1, "/a/private/now.cgi"), 403);
  EXPECT_EQ(status(1, "/a/private/now.cgi", here), 0);
}

TEST_F(OtherWays, ANameCannotForgeALogLine) {
  tree.file("a/private/b\nc");
  EXPECT_EQ(status(1, "/a/private/b\nc"), 403);
  EXPECT_THAT(problem, testing::Not(HasSubstr("\n")));
}

TEST_F(OtherWays, WhoSaysAllowHasDecided) {
  config.sites[1].access.allow = set({"all"});
  EXPECT_EQ(status(1, "/a/private/page.html"), 0);
  config.sites[1].access.allow.reset();
  config::Location open;
  open.match = {config::MatchKind::prefix, "/a/private/"};
  open.access.allow = set({"all"});
  config.sites[1].locations.push_back(open);
  EXPECT_EQ(status(1, "/a/private/page.html"), 0);
}

TEST_F(OtherWays, AWholeSitesRuleHoldsInALargerOneOnly) {
  config.sites[0].locations.clear();
  config.sites[0].access.allow = set({"local"});
  EXPECT_EQ(status(1, "/a/public/page.html"), 403);
  config.sites[1].root = config.sites[0].root;
  find_roots();
  EXPECT_EQ(status(1, "/public/page.html"), 0) << "the same root, and nothing is said of it";
  config.sites[1].root = config.sites[0].root + "/public";
  find_roots();
  EXPECT_EQ(status(1, "/page.html"), 0) << "a part of it";
}

TEST_F(OtherWays, APasswordFileIsNeverSent) {
  tree.file("a/passwords");
  link("passwords", "a/link");
  std::filesystem::create_hard_link(tree.path() + "/a/passwords", tree.path() + "/a/other");
  EXPECT_EQ(status(0, "/passwords"), 0);
  config.password_files = {tree.path() + "/none", tree.path() + "/a/passwords"};
  for (const auto* path : {"/passwords", "/link", "/other"}) {
    EXPECT_EQ(status(0, path), 404) << path;
    EXPECT_THAT(problem, HasSubstr("is a password or group file, which is never sent"));
  }
  EXPECT_EQ(status(1, "/a/passwords"), 404);
  EXPECT_EQ(status(0, "/public/page.html"), 0);
}

TEST_F(OtherWays, ALinkThatIsReplacedBeforeItIsOpened) {
  link("page.html", "a/public/file");
  const http::Path path = http::plain_path("/public/file");
  const Located found = locate(config, config.sites[0], path, stranger);
  EXPECT_EQ(found.kind, Located::Kind::file);
  std::vector<const auth::Options*> passwords;
  const auto why_not = [&](const std::string& opened) {
    Seen seen;
    EXPECT_EQ((Tree{tree.path()}.look_inside(tree.path() + "/a/" + opened, seen)), 0) << opened;
    return why_not_as_opened(config, config.sites[0], path, found, seen,
                             {stranger, "GET", passwords});
  };
  config::Location& location = config.sites[0].locations[0];
  EXPECT_EQ(why_not("public/page.html"), "");
  EXPECT_EQ(why_not("public"), "");
  EXPECT_THAT(why_not("private"), HasSubstr("not let in by allow = [\"local\"]"));
  EXPECT_THAT(why_not("private/page.html"), HasSubstr("not let in by allow = [\"local\"]"));
  location.access = {.auth = auth::Options{}};
  EXPECT_THAT(why_not("private/page.html"), HasSubstr("needs another password"));
  passwords = {&*location.access.auth};
  EXPECT_EQ(why_not("private/page.html"), "");
  location.program = config::ProgramKind::in_place;
  EXPECT_THAT(why_not("private/now.cgi"), HasSubstr("is a program"));
  config.password_files = {tree.path() + "/a/public/page.html"};
  EXPECT_THAT(why_not("public/page.html"), HasSubstr("never sent"));
}

// Its inode is looked up now and then, its name each time.
TEST_F(OtherWays, APasswordFileIsNeverSentWhileItIsReplaced) {
  tree.file("a/passwords");
  link("passwords", "a/link");
  config.password_files = {tree.path() + "/a/passwords"};
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(status(0, "/passwords"), 404);
    std::filesystem::rename(tree.file("a/new"), tree.path() + "/a/passwords");
    EXPECT_EQ(status(i % 2, i % 2 == 0 ? "/link" : "/a/passwords"), 404);
  }
}

TEST_F(OtherWays, NoRuleNoQuestion) {
  config.sites[0].locations.clear();
  EXPECT_EQ(status(1, "/a/private/page.html"), 0);
  EXPECT_THAT(problem, IsEmpty());
}

}  // namespace
}  // namespace cgisrv::site
