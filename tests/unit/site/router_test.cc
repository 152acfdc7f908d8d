#include "site/router.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "config/config.h"
#include "config/value_check.h"

namespace cgisrv::site {
namespace {

config::Site site_named(std::vector<std::string> names) {
  return {.server_name = std::move(names)};
}

config::Location location(config::MatchKind kind, std::string text,
                          config::ProgramKind program = config::ProgramKind::none) {
  return {.match = {kind, std::move(text)}, .program = program};
}

http::Path path(std::string text) {
  const std::size_t plain = text.size();
  return {std::move(text), plain};
}

TEST(FindSite, PrefersExactNamesThenTheLongestPatternThenTheFirstSite) {
  config::Config config;
  config.sites = {site_named({"first.example"}), site_named({"*.example.org"}),
                  site_named({"*.a.example.org"}), site_named({"x.a.example.org", "[::1]"})};
  const auto index = [&](std::string_view host) {
    return &find_site(config, host) - config.sites.data();
  };
  EXPECT_EQ(index("first.example"), 0);
  EXPECT_EQ(index("b.example.org"), 1);
  EXPECT_EQ(index("b.c.EXAMPLE.org"), 1);
  EXPECT_EQ(index("b.a.example.org"), 2);
  EXPECT_EQ(index("b.a.example.org."), 2);
  EXPECT_EQ(index("X.a.example.org"), 3);
  EXPECT_EQ(index("[::1]"), 3);
  EXPECT_EQ(index("example.org"), 0) << "a pattern needs a name before its dot";
  EXPECT_EQ(index(".example.org"), 0);
  EXPECT_EQ(index("badexample.org"), 0);
  EXPECT_EQ(index("unknown"), 0);
  EXPECT_EQ(index(""), 0);
}

class FindRoute : public ::testing::Test {
 protected:
  // The match of the location that answers, and how much of the path it took.
  std::pair<std::string, std::size_t> route(const http::Path& path) {
    const Route found = find_route(site_, path);
    return {found.location.match.text, found.matched};
  }
  using Found = std::pair<std::string, std::size_t>;

  config::Site site_{
      .locations = {
          location(config::MatchKind::prefix, "/"),
          location(config::MatchKind::prefix, "/static/"),
          location(config::MatchKind::prefix, "/cgi-bin/", config::ProgramKind::in_place),
          location(config::MatchKind::prefix, "/cgi-bin/deep/", config::ProgramKind::directory),
          location(config::MatchKind::extension, ".cgi", config::ProgramKind::in_place),
          location(config::MatchKind::extension, ".py", config::ProgramKind::in_place),
          location(config::MatchKind::extension, ".x.py", config::ProgramKind::in_place),
          location(config::MatchKind::exact, "/cgi-bin/status", config::ProgramKind::single),
      }};
};

TEST_F(FindRoute, PrefersExactThenProgramPrefixThenExtensionThenPrefix) {
  EXPECT_EQ(route(path("/cgi-bin/status")), Found("/cgi-bin/status", 15));
  EXPECT_EQ(route(path("/cgi-bin/status/more")), Found("/cgi-bin/", 9));
  EXPECT_EQ(route(path("/cgi-bin/a.cgi")), Found("/cgi-bin/", 9));
  EXPECT_EQ(route(path("/cgi-bin/deep/a")), Found("/cgi-bin/deep/", 14));
  EXPECT_EQ(route(path("/static/a.cgi")), Found(".cgi", 13));
  EXPECT_EQ(route(path("/static/a.css")), Found("/static/", 8));
  EXPECT_EQ(route(path("/cgi-bin")), Found("/", 1));
}

// Fault 24b.
TEST_F(FindRoute, APrefixThatSaysFilesOnlyGoesBeforeAnEndingAndAShorterPrefix) {
  const auto files_only = [&](config::MatchKind kind, std::string text) {
    site_.locations.push_back(location(kind, std::move(text)));
    site_.locations.back().files_only = true;
  };
  files_only(config::MatchKind::prefix, "/uploads/");
  files_only(config::MatchKind::prefix, "/cgi-bin/static/");
  files_only(config::MatchKind::extension, ".lib.py");
  EXPECT_EQ(route(path("/uploads/a.cgi")), Found("/uploads/", 9));
  EXPECT_EQ(route(path("/uploads/a.cgi/info")), Found("/uploads/", 9));
  EXPECT_EQ(route(path("/static/a.cgi")), Found(".cgi", 13)) << "which says nothing of programs";
  EXPECT_EQ(route(path("/cgi-bin/static/a.css")), Found("/cgi-bin/static/", 16));
  EXPECT_EQ(route(path("/cgi-bin/a.lib.py")), Found("/cgi-bin/", 9)) << "a prefix before an ending";
  EXPECT_EQ(route(path("/a.lib.py")), Found(".lib.py", 9));
  site_.locations.push_back(
      location(config::MatchKind::prefix, "/uploads/run/", config::ProgramKind::in_place));
  EXPECT_EQ(route(path("/uploads/run/a")), Found("/uploads/run/", 13));
}

// Fault 3.
TEST_F(FindRoute, ThePrefixOfASingleProgramIsItsAddressWithoutTheSlashToo) {
  site_.locations.push_back(
      location(config::MatchKind::prefix, "/hook/", config::ProgramKind::single));
  site_.locations.push_back(
      location(config::MatchKind::prefix, "/hook.cgi/", config::ProgramKind::single));
  EXPECT_EQ(route(path("/hook")), Found("/hook/", 5));
  EXPECT_EQ(route(path("/hook/")), Found("/hook/", 6));
  EXPECT_EQ(route(path("/hook.cgi")), Found("/hook.cgi/", 9));
  EXPECT_EQ(route(path("/hooks")), Found("/", 1));
  EXPECT_EQ(route({"/hook", 1}), Found("/", 1)) << "not all of it is plain";
  EXPECT_EQ(route(path("/cgi-bin")), Found("/", 1)) << "a directory";
  site_.locations.push_back(location(config::MatchKind::exact, "/hook"));
  EXPECT_EQ(route(path("/hook")), Found("/hook", 5));
}

TEST_F(FindRoute, EndsAtTheFirstSegmentWithAnEnding) {
  EXPECT_EQ(route(path("/a/b.cgi/info")), Found(".cgi", 8));
  EXPECT_EQ(route(path("/a.py/b.cgi")), Found(".py", 5));
  EXPECT_EQ(route(path("/a.x.py")), Found(".x.py", 7)) << "the longest ending of one segment";
  EXPECT_EQ(route(path("/.cgi")), Found("/", 1)) << "a dotfile has no ending";
  EXPECT_EQ(route(path("/a.cgix")), Found("/", 1));
  EXPECT_EQ(route(path("/a.CGI")), Found("/", 1)) << "names of files have a case";
}

TEST_F(FindRoute, LooksNoFurtherThanThePlainPart) {
  EXPECT_EQ(route({"/a/b.cgi", 3}), Found("/", 1));
  EXPECT_EQ(route({"/cgi-bin/status", 9}), Found("/cgi-bin/", 9));
  // "/cgi-bin/status/x%2Fy": not the exact path, though its plain part is.
  EXPECT_EQ(route({"/cgi-bin/status/x/y", 15}), Found("/cgi-bin/", 9));
}

TEST_F(FindRoute, APrefixWithAnEndingGoesByTheLengthOfItsPrefix) {
  const auto add = [&](std::string prefix, std::string ending) -> config::Location& {
    return site_.locations.emplace_back(config::Location{
        .match = {config::MatchKind::prefix_ending, std::move(prefix), std::move(ending)}});
  };
  add("/app/", ".cgi").program = config::ProgramKind::in_place;
  add("/app/", ".b.cgi");
  EXPECT_EQ(route(path("/app/a.cgi")), Found("/app/", 10)) << "before the ending alone";
  EXPECT_EQ(route(path("/app/deep/a.cgi/info")), Found("/app/", 15));
  EXPECT_EQ(route(path("/app/a.txt")), Found("/", 1));
  EXPECT_EQ(route(path("/app/.cgi")), Found("/", 1)) << "a dotfile";
  EXPECT_EQ(find_route(site_, path("/app/a.b.cgi")).location.match.ending, ".b.cgi");
  site_.locations.push_back(location(config::MatchKind::prefix, "/app/"));
  site_.locations.back().files_only = true;
  EXPECT_EQ(find_route(site_, path("/app/a.cgi")).location.match.ending, ".cgi");
  EXPECT_EQ(find_route(site_, path("/app/a.py")).location.match.ending, "");
  site_.locations.push_back(location(config::MatchKind::prefix, "/app/data/"));
  EXPECT_EQ(find_route(site_, path("/app/data/a.cgi")).location.match.ending, ".cgi")
      << "a longer prefix that says nothing of programs";
  site_.locations.back().files_only = true;
  EXPECT_EQ(find_route(site_, path("/app/data/a.cgi")).location.match.text, "/app/data/");
}

TEST_F(FindRoute, ADenialGoesBeforeEndingsAndShorterPrefixesWithOrWithoutItsSlash) {
  site_.locations.push_back(location(config::MatchKind::prefix, "/cgi-bin/lib/"));
  site_.locations.back().deny = config::Deny::hidden;
  EXPECT_EQ(route(path("/cgi-bin/lib/a.cgi")), Found("/cgi-bin/lib/", 13));
  EXPECT_EQ(route(path("/cgi-bin/lib")), Found("/cgi-bin/lib/", 12));
  EXPECT_EQ(route(path("/cgi-bin/library")), Found("/cgi-bin/", 9));
}

TEST_F(FindRoute, KnowsTheLongestPrefixWithFilesOfItsOwn) {
  for (const auto* prefix : {"/static/", "/static/a/", "/static/a/b/"})
    site_.locations.push_back(location(config::MatchKind::prefix, prefix));
  site_.locations.erase(site_.locations.begin() + 1);
  site_.locations[site_.locations.size() - 3].files = "/usr/share/static";
  site_.locations[site_.locations.size() - 2].files = "/usr/share/a";
  const auto alias = [&](const char* text) {
    const auto* found = find_route(site_, path(text)).alias;
    return found == nullptr ? std::string() : found->files;
  };
  EXPECT_EQ(alias("/static/x.cgi"), "/usr/share/static") << "an ending answers there";
  EXPECT_EQ(alias("/static/a/b/x"), "/usr/share/a");
  EXPECT_EQ(alias("/x"), "");
}

class FindRouteByRegex : public FindRoute {
 protected:
  config::Location& add(const std::string& regex) {
    config::Location location;
    location.match = *config::parse_match("~" + regex);
    return site_.locations.emplace_back(std::move(location));
  }
};

TEST_F(FindRouteByRegex, GoesAfterEndingsAndBeforeOtherPrefixesInTheOrderOfTheFile) {
  add("^/static/(?<name>[a-z]+)");
  add("^/st");
  EXPECT_EQ(route(path("/static/abc.css/x")), Found("^/static/(?<name>[a-z]+)", 15));
  EXPECT_EQ(route(path("/static/1")), Found("^/st", 7));
  EXPECT_EQ(route(path("/static/a.cgi")), Found(".cgi", 13));
  EXPECT_EQ(route(path("/cgi-bin/st")), Found("/cgi-bin/", 9));
  EXPECT_EQ(route(path("/x")), Found("/", 1));
  const Route found = find_route(site_, path("/static/abc.css"));
  ASSERT_EQ(found.captures.size(), 2);
  EXPECT_EQ(found.captures[1].name, "name");
  EXPECT_EQ(found.captures[1].text, "abc");
}

TEST_F(FindRouteByRegex, ADenialGoesBeforeAllButExactPaths) {
  add("/lib").deny = config::Deny::forbidden;
  EXPECT_EQ(route(path("/cgi-bin/lib/x")).first, "/lib");
  EXPECT_EQ(route(path("/lib.cgi")).first, "/lib");
  site_.locations.push_back(location(config::MatchKind::exact, "/lib.cgi"));
  EXPECT_EQ(route(path("/lib.cgi")).first, "/lib.cgi");
}

TEST_F(FindRouteByRegex, GivesUpInAKnownWay) {
  add("^/w/(a+)+$");
  const std::string evil = "/w/" + std::string(2000, 'a') + "!";
  const Route found = find_route(site_, path(evil));
  ASSERT_TRUE(found.failure);
  EXPECT_EQ(found.failure->code, ELOOP);
  EXPECT_EQ(found.location.match.kind, config::MatchKind::regex);
  EXPECT_FALSE(find_route(site_, path("/cgi-bin" + evil)).failure) << "it is not asked";
  EXPECT_EQ(find_route(site_, path("/" + std::string(5000, 'x'))).failure->code, EMSGSIZE);
  EXPECT_EQ(covers(site_.locations.back(), path(evil)), std::nullopt);
}

TEST_F(FindRoute, FallsBackToTheSite) {
  const config::Site bare;
  const Route found = find_route(bare, path("/x"));
  EXPECT_EQ(&found.location, &bare.fallback);
  EXPECT_EQ(found.matched, 0);
}

}  // namespace
}  // namespace cgisrv::site
