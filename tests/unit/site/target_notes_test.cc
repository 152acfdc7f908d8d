#include "site/target_notes.h"

#include <gmock/gmock.h>

#include "../temporary_directory.h"
#include "config/config.h"
#include "config/value_check.h"

namespace cgisrv::site {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Two sites, with and without a name, and a folder that both have for their root.
class TargetNotes : public testing::Test {
 protected:
  TargetNotes() {
    config.file = "test.toml";
    for (config::Site& each : config.sites)
      each.root = each.real_root = tree.path();
    config.sites.back().server_name = {"other.example"};
    add("*.cgi").program = config::ProgramKind::in_place;
    tree.file("page.html");
    tree.file("run.cgi", 0755);
    tree.file("nph-run.cgi", 0755);
    tree.file("not.cgi");
    tree.file("folder/index.html");
    tree.directory("empty");
  }
  config::Location& add(const std::string& match, unsigned site = 0) {
    config::Location location;
    location.match = *config::parse_match(match);
    return config.sites[site].locations.emplace_back(std::move(location));
  }
  void redirect(const std::string& match, const std::string& to, unsigned site = 0) {
    config::Location& location = add(match, site);
    location.redirect = {*config::Replacement::parse(to), 302};
    location.lines = {{"redirect", static_cast<unsigned>(location.match.text.size())}};
  }
  std::vector<std::string> notes() const {
    std::vector<std::string> found;
    note_targets(config, found);
    return found;
  }

  TemporaryDirectory tree;
  config::Config config{.sites = std::vector<config::Site>(2)};
};

TEST_F(TargetNotes, TellOfStepsOfTryThatLeadNowhere) {
  config::Location& location = add("/app/");
  location.lines = {{"try", 7}};
  for (const char* const path : {"/page.html", "/run.cgi", "/folder/", "/{path}"})
    location.attempts.push_back({.path = *config::Replacement::parse(path)});
  location.attempts.push_back({.kind = config::Attempt::Kind::file});
  EXPECT_THAT(notes(), IsEmpty());
  for (const char* const path : {"/index.php", "/not.cgi", "/folder", "/empty/", "/app/x"})
    location.attempts.push_back({.path = *config::Replacement::parse(path)});
  EXPECT_THAT(notes(),
              ElementsAre("test.toml:7: 'try': \"/index.php\" leads to no file and no program: " +
                              tree.path() + "/index.php: No such file or directory",
                          HasSubstr("not.cgi"), HasSubstr("\"/folder/\" is its index"),
                          HasSubstr("/empty/ has no index"), HasSubstr("/app/x: No such file")));
}

TEST_F(TargetNotes, TellOfErrorPagesThatCannotAnswer) {
  config::Site& site = config.sites.front();
  site.lines = {{"error_pages", 3}};
  site.fallback.answers.error_pages = {
      {404, 404, "/page.html"}, {403, 403, ""}, {500, 599, "/run.cgi?a=b"}, {410, 410, "/folder/"}};
  EXPECT_THAT(notes(), IsEmpty());
  config::Location& location = add("/own/");
  location.lines = {{"error_pages", 9}};
  site.fallback.answers.error_pages.push_back({405, 405, "/missing.html"});
  location.answers.error_pages = site.fallback.answers.error_pages;
  for (const char* const path : {"/not.cgi", "/folder", "/nph-run.cgi"})
    location.answers.error_pages.push_back({400, 499, path});
  EXPECT_THAT(
      notes(),
      ElementsAre("test.toml:3: 'error_pages': \"/missing.html\" cannot answer: " + tree.path() +
                      "/missing.html: No such file or directory; the server's own page stands in "
                      "for it",
                  HasSubstr("test.toml:9: 'error_pages': \"/not.cgi\" cannot answer"),
                  HasSubstr("it is a folder; its address is \"/folder/\", with a slash"),
                  HasSubstr("/nph-run.cgi writes a status of its own")));
}

TEST_F(TargetNotes, DoNotDoubtWhatOthersMayHave) {
  add("=/page.html").access.allow.emplace();  // nobody
  config.sites.front().fallback.answers.error_pages = {{404, 404, "/page.html"}};
  add("/app/").attempts = {{.path = *config::Replacement::parse("/page.html")}};
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(TargetNotes, TellOfRedirectsThatLeadBack) {
  redirect("/a/", "/a/below/");
  redirect("=/b", "/b?x=1");
  redirect("*.htm", "/page.htm");
  redirect("~^/d/(.*)$", "/d/{1}");
  redirect("/one/", "/three/");
  redirect("/three/", "/one/");
  redirect("/to-a/", "/a/");  // that goes round, this does not
  std::vector<std::string> told;
  for (const std::string& note : notes())
    told.push_back(
        note.substr(note.find('"') + 1, note.find('"', note.find('"') + 1) - note.find('"') - 1));
  EXPECT_THAT(told, ElementsAre("/a/below/", "/b?x=1", "/page.htm", "/d/{1}", "/three/", "/one/"));
}

TEST_F(TargetNotes, LetRedirectsLeadOn) {
  redirect("/old/", "/new/");
  redirect("=/", "/folder");
  redirect("*.htm", "/page.html");
  redirect("/far/", "https://example.org/far/");
  redirect("/secure/", "https://other.example/secure/", 1);  // TLS is a proxy's
  redirect("/port/", "http://other.example:8080/port/", 1);
  redirect("/name/", "http://other.example/name/");  // the other site
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(TargetNotes, KnowTheNamesOfSites) {
  redirect("/name/", "http://Other.example/name/", 1);
  EXPECT_THAT(notes(), ElementsAre(HasSubstr("test.toml:6: 'redirect'")));
  config.sites.back().public_url = {.https = true, .host = "other.example", .port = 443};
  EXPECT_THAT(notes(), IsEmpty());
  redirect("/secure/", "https://other.example:443/secure/", 1);
  EXPECT_THAT(notes(), ElementsAre(HasSubstr("https://other.example:443/secure/")));
}

}  // namespace
}  // namespace cgisrv::site
