// Where a path leads on: redirects, `try`, and what a regular expression names.
#include <gmock/gmock.h>

#include "../temporary_directory.h"
#include "base/check.h"
#include "config/config.h"
#include "config/value_check.h"
#include "site/access_rules.h"
#include "site/explain.h"
#include "site/locate.h"

namespace cgisrv::site {
namespace {

using testing::HasSubstr;
using Kind = Located::Kind;

class LocateOn : public testing::Test {
 protected:
  LocateOn() {
    site.root = site.real_root = tree.path();
    add("*.php").interpreter = "/usr/bin/php-cgi";
    site.locations.back().program = config::ProgramKind::in_place;
  }
  config::Location& add(const std::string& match) {
    config::Location location;
    location.match = *config::parse_match(match);
    return site.locations.emplace_back(std::move(location));
  }
  static config::Replacement text(const std::string& text) {
    return *config::Replacement::parse(text);
  }
  void redirect(const std::string& match, const std::string& to, int status = 302) {
    add(match).redirect = {text(to), status};
  }
  void attempts(const std::string& match, const std::vector<std::string>& steps) {
    config::Location& location = add(match);
    for (const auto& step : steps) {
      config::Attempt& attempt = location.attempts.emplace_back();
      const auto mark = std::min(step.find('?'), step.size());
      attempt.kind = step == "file"        ? config::Attempt::Kind::file
                     : step == "directory" ? config::Attempt::Kind::directory
                                           : config::Attempt::Kind::path;
      attempt.path = text(step.substr(0, mark));
      attempt.query = text(step.substr(std::min(mark + 1, step.size())));
    }
  }
  Located find(std::string_view raw) {
    const auto path = http::decode_path(raw);
    CGISRV_CHECK(path);
    auto located = locate(config, site, *path, visitor);
    EXPECT_NE(located.location, nullptr) << raw;
    return located;
  }
  std::string leads_to(std::string_view raw) {
    const auto located = find(raw);
    return located.kind == Kind::redirect
               ? fmt::format("{} {}", located.status, located.redirect)
               : fmt::format("kind {} {}", static_cast<int>(located.kind), located.problem);
  }

  TemporaryDirectory tree;
  access::Peer visitor;
  config::Config config{.sites = std::vector<config::Site>(1)};
  config::Site& site = config.sites.front();
};

TEST_F(LocateOn, ARedirectOfAPrefixKeepsTheRest) {
  redirect("/old/", "/new/", 301);
  redirect("/bare/", "/new");
  redirect("/away/", "https://example.org/x/");
  redirect("=/one", "/two?x=1");
  redirect("*.asp", "/gone.html");
  EXPECT_EQ(leads_to("/old/a/b"), "301 /new/a/b");
  EXPECT_EQ(leads_to("/old/"), "301 /new/");
  EXPECT_EQ(leads_to("/old"), "301 /new/");
  EXPECT_EQ(leads_to("/bare/a"), "302 /new/a");
  EXPECT_EQ(leads_to("/bare"), "302 /new");
  EXPECT_EQ(leads_to("/away/a%20b/%3f%23"), "302 https://example.org/x/a%20b/%3F%23");
  EXPECT_EQ(leads_to("/one"), "302 /two?x=1");
  EXPECT_EQ(leads_to("/dir/a.asp"), "302 /gone.html");
  EXPECT_EQ(leads_to("/old/a.php"), "301 /new/a.php") << "it says what answers";
}

TEST_F(LocateOn, ARedirectNamesWhatTheRequestHas) {
  redirect("~^/rev/(?<id>[^/]+)/(.*)$", "/browse/{2}?commit={id}&all={0}");
  redirect("/find/", "/search?q={path}");
  EXPECT_EQ(leads_to("/rev/a%26b/c%20d"),
            "302 /browse/c%20d?commit=a%26b&all=%2Frev%2Fa%26b%2Fc%20d");
  EXPECT_EQ(leads_to("/find/a%3d1%26b%0d%0aX"), "302 /search?q=a%3D1%26b%0D%0AX");
}

// No request makes a host of a path.
TEST_F(LocateOn, ARedirectStaysWhereItIsMeantToGo) {
  redirect("/old/", "/");
  redirect("~^/x(.*)$", "/{1}");
  for (const auto* raw : {"/old//evil.example", "/old/%2fevil.example", "/old/%2f%2fevil.example",
                          "/x//evil.example", "/x/evil.example"})
    EXPECT_EQ(leads_to(raw), "302 /evil.example") << raw;
  EXPECT_EQ(leads_to("/old/%5cevil.example"), "302 /%5Cevil.example");
}

TEST_F(LocateOn, TriesAFileThenAProgramWithTheRest) {
  const auto index = tree.file("wiki/index.php");
  const auto file = tree.file("wiki/logo.txt");
  tree.file("wiki/load.php");
  tree.directory("wiki/skins");
  attempts("/wiki/", {"file", "/wiki/index.php"});
  Located located = find("/wiki/Main%20Page/sub");
  ASSERT_EQ(located.kind, Kind::program) << located.problem;
  EXPECT_EQ(located.script.filename, index);
  EXPECT_EQ(located.script.name, "/wiki/index.php");
  EXPECT_EQ(located.script.path_info, "/Main Page/sub");
  EXPECT_EQ(located.script.interpreter, "/usr/bin/php-cgi");
  EXPECT_EQ(located.location, &site.locations.front()) << "whose limits hold";
  EXPECT_EQ(find("/wiki/logo.txt").file, file);
  EXPECT_EQ(find("/wiki/load.php").script.name, "/wiki/load.php");
  EXPECT_EQ(find("/wiki/load.php/x").script.path_info, "/x");
  EXPECT_EQ(find("/wiki/index.php/Title").script.path_info, "/Title") << "not twice";
  EXPECT_EQ(find("/wiki/Page.php").script.path_info, "/Page.php") << "a page of that name";
  EXPECT_EQ(find("/wiki/").script.path_info, "") << "nothing is behind the prefix";
  EXPECT_EQ(find("/wiki/skins/").script.path_info, "/skins/") << "no step is for directories";
  EXPECT_EQ(find("/wiki/.git/config").script.path_info, "/.git/config");
  EXPECT_EQ(find("/wiki").redirect, "/wiki/");
}

TEST_F(LocateOn, TriesDirectories) {
  tree.file("app/index.php");
  tree.file("app/sub/index.html");
  tree.directory("app/empty");
  const auto page = tree.file("app/page.html");
  attempts("/app/", {"file", "directory", "/app/page.html"});
  EXPECT_EQ(find("/app/sub/").file, tree.path() + "/app/sub/index.html");
  EXPECT_EQ(find("/app/sub").kind, Kind::slash);
  EXPECT_EQ(find("/app/empty/").file, page);
  EXPECT_EQ(find("/app/a/b").file, page);
  site.locations.back().attempts.pop_back();
  EXPECT_EQ(find("/app/a/b").status, 404);
  EXPECT_THAT(find("/app/a/b").problem, HasSubstr("nothing that location /app/ tries is there"));
}

TEST_F(LocateOn, WhatIsThereAndForbiddenIsNotPassedOver) {
  tree.file("wiki/index.php");
  std::filesystem::create_symlink(tree.file("secret.php"), tree.path() + "/wiki/link.txt");
  attempts("/wiki/", {"file", "/wiki/index.php"});
  EXPECT_EQ(find("/wiki/link.txt").status, 403);
  add("/wiki/lib/").deny = config::Deny::hidden;
  EXPECT_EQ(find("/wiki/lib/x").status, 404);
}

TEST_F(LocateOn, ATriedPathMayHaveAQueryAndNames) {
  const auto file = tree.file("doku.php");
  attempts("/doku/", {"file", "/doku.php?id={path}"});
  attempts("~^/blog/(?<year>\\d+)/", {"/{year}.php/x"});
  tree.file("2026.php");
  Located located = find("/doku/a%26b/c");
  EXPECT_EQ(located.script.filename, file);
  EXPECT_EQ(located.query, "id=a%26b%2Fc");
  EXPECT_EQ(located.script.path_info, "");
  located = find("/blog/2026/12/");
  EXPECT_EQ(located.script.name, "/2026.php");
  EXPECT_EQ(located.script.path_info, "/x");
}

TEST_F(LocateOn, ATriedPathIsNotTriedAgain) {
  attempts("/", {"/nowhere/"});
  attempts("/nowhere/", {"/"});
  EXPECT_EQ(find("/a").status, 404);
}

// By the path that was asked for, and by the one that is tried.
TEST_F(LocateOn, AccessHoldsForWhatIsTried) {
  tree.file("w/index.php");
  tree.file("wiki/page.txt");
  attempts("/wiki/", {"file", "/w/index.php"});
  EXPECT_EQ(find("/wiki/Title").kind, Kind::program);
  add("/w/").access.allow.emplace();
  EXPECT_EQ(find("/wiki/Title").status, 403);
  EXPECT_EQ(find("/wiki/page.txt").kind, Kind::file);
  site.locations.pop_back();
  add("/wiki/x/").access.allow.emplace();
  EXPECT_EQ(find("/wiki/x/Title").status, 403);
  EXPECT_EQ(find("/wiki/Title").kind, Kind::program);
}

TEST_F(LocateOn, PasswordsAreAskedForByBothPaths) {
  tree.file("w/index.php");
  tree.file("app/index.html");
  tree.file("secret/a.txt");
  attempts("/wiki/", {"file", "/w/index.php"});
  attempts("/spa/", {"/app/"});
  const auto asked = [&](const std::string& text) {
    const http::Path path{text, text.size()};
    return password_rules_for(config, site, path, find(text)).size();
  };
  EXPECT_EQ(asked("/wiki/Title"), 0);
  add("/w/").access.auth.emplace();
  EXPECT_EQ(asked("/wiki/Title"), 1);
  add("/wiki/x/").access.auth.emplace();
  EXPECT_EQ(asked("/wiki/x/Title"), 2);
  EXPECT_EQ(asked("/spa/x/a"), 0);
  add("/spa/x/").access.auth.emplace();
  EXPECT_EQ(asked("/spa/x/a"), 1) << "though the index of another folder answers";
  add("/app/").access.auth.emplace();
  EXPECT_EQ(asked("/spa/x/a"), 2);
  add("/secret/").access.auth.emplace();
  add("/share/").files = tree.path() + "/secret";
  EXPECT_EQ(asked("/share/a.txt"), 1) << "the file has the rules of all its paths";
}

TEST_F(LocateOn, AccessHoldsByEndingsBelowPrefixesAndByRegularExpressions) {
  tree.file("dir/a.key");
  tree.file("dir/b.key");
  add("/dir/*.key").access.allow.emplace();
  EXPECT_EQ(find("/dir/a.key").status, 403);
  site.locations.pop_back();
  EXPECT_EQ(find("/dir/a.key").kind, Kind::file);
  add("~/a\\.").access.allow.emplace();
  EXPECT_EQ(find("/dir/a.key").status, 403);
  EXPECT_EQ(find("/dir/b.key").kind, Kind::file);
  add("=/other").files = tree.path() + "/dir/a.key";
  EXPECT_EQ(find("/other").status, 403) << "the file has the rules of all its paths";
}

TEST_F(LocateOn, ARegularExpressionNamesFiles) {
  TemporaryDirectory homes;
  const auto page = homes.file("alice/public/a/b.txt");
  homes.file("alice/.secret/x.txt");
  homes.file("alice/public/.htpasswd");
  const auto tool = homes.file("alice/bin/tool", 0755);
  auto& users = add("~^/~(?<user>[a-z]+)/(?<rest>.*)$");
  users.files = homes.path();
  users.file_names = text(homes.path() + "/{user}/public/{rest}");
  auto& runs = add("~^/run/(?<user>.+)/(?<name>[^/]+)");
  runs.files = homes.path();
  runs.file_names = text(homes.path() + "/{user}/bin/{name}");
  runs.program = config::ProgramKind::in_place;
  EXPECT_EQ(find("/~alice/a/b.txt").file, page);
  EXPECT_EQ(find("/~alice/a/b.txt").tree, homes.path());
  EXPECT_EQ(find("/~alice/a").redirect, "/~alice/a/");
  EXPECT_EQ(find("/~alice/.htpasswd").status, 404);
  EXPECT_EQ(find("/~alice/gone").status, 404);
  const Located located = find("/run/alice/tool");
  ASSERT_EQ(located.kind, Kind::program) << located.problem;
  EXPECT_EQ(located.script.filename, tool);
  EXPECT_EQ(located.script.name, "/run/alice/tool");
  for (const auto* raw : {"/run/alice/.secret/x", "/run/.x/tool"})
    EXPECT_EQ(find(raw).status, 404) << raw;
}

TEST_F(LocateOn, ARegularExpressionRunsTheFileAtItsEnd) {
  tree.file("apps/a.run", 0755);
  tree.file("apps/evil.txt", 0755);
  add("~^/apps/.*\\.run").program = config::ProgramKind::in_place;
  EXPECT_EQ(find("/apps/a.run/info").script.path_info, "/info");
  EXPECT_EQ(find("/apps/a.run").script.name, "/apps/a.run");
  EXPECT_EQ(find("/apps/evil.txt/x.run").status, 404) << "not the file before it";
  tree.directory("apps/dir.run");
  EXPECT_EQ(find("/apps/dir.run/x").status, 404);
  EXPECT_EQ(find("/apps/dir.run").kind, Kind::slash);
}

TEST_F(LocateOn, ARegularExpressionThatGivesUpIs500) {
  add("~^/w/(a+)+$");
  const auto located = find("/w/" + std::string(2000, 'a') + "!");
  EXPECT_EQ(located.status, 500);
  EXPECT_THAT(located.problem, HasSubstr("write a simpler one"));
  EXPECT_LT(located.problem.size(), 600);
  EXPECT_EQ(find("/" + std::string(5000, 'x')).status, 414);
}

// ---- cgisrv check --explain

TEST_F(LocateOn, IsExplained) {
  const access::Peer here = access::Peer::local();
  config.file = "test.toml";
  tree.file("wiki/index.php");
  site.server_name = {"example.org"};
  site.lines = {{"", 1}, {"server_name", 2}};
  site.locations.front().lines = {{"", 5}, {"match", 6}, {"interpreter", 7}};
  attempts("/wiki/", {"file", "/wiki/index.php"});
  site.locations.back().lines = {{"", 10}, {"match", 11}, {"try", 12}};
  EXPECT_EQ(
      explain(config, "http://example.org:8080/wiki/a.php?x=1", here),
      "http://example.org:8080/wiki/a.php?x=1\n"
      "test.toml:2: the site example.org answers for example.org\n"
      "test.toml:11: /wiki/a.php: location /wiki/ answers: it is the longest prefix that says "
      "what answers\n"
      "test.toml:6:   location *.php matches too, and comes after it\n"
      "test.toml:12:   try \"file\"\n"
      "test.toml:6: /wiki/a.php: location *.php answers: it is the first and longest ending\n"
      "test.toml:12:   try \"/wiki/index.php\"\n"
      "test.toml:6: /wiki/index.php: location *.php answers: it is the first and longest "
      "ending\n" +
          fmt::format("test.toml:7: runs {}/wiki/index.php by /usr/bin/php-cgi\n", tree.path()) +
          "  SCRIPT_NAME = /wiki/index.php\n"
          "  PATH_INFO = /a.php\n"
          "  methods: all but CONNECT and TRACE, which are 405\n");
  EXPECT_THAT(explain(config, "/x", here), HasSubstr("test.toml:1: /x: no location matches"));
  EXPECT_THAT(explain(config, "/x", here),
              HasSubstr("the first site answers, as the URL has no host"));
  EXPECT_THAT(explain(config, "http://other/%zz", here), HasSubstr("400: the path /%zz is broken"));
}

}  // namespace
}  // namespace cgisrv::site
