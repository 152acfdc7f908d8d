#include "site/site_notes.h"

#include <gmock/gmock.h>

#include "../temporary_directory.h"
#include "config/config.h"

namespace cgisrv::site {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

config::Location location(config::MatchKind kind, std::string text,
                          config::ProgramKind program = config::ProgramKind::none) {
  return {.match = {kind, std::move(text)}, .program = program};
}

config::Site site_at(std::string name, std::string root) {
  return {.server_name = {std::move(name)}, .root = root, .real_root = root};
}

// Fault 24b.
TEST(SiteNotes, TellWhichOfAPrefixAndAnEndingDecides) {
  config::Config config{.sites = {site_at("a", "/srv/a")}};
  auto& locations = config.sites.front().locations;
  locations = {location(config::MatchKind::prefix, "/uploads/"),
               location(config::MatchKind::prefix, "/pages/"),
               location(config::MatchKind::prefix, "/guarded/")};
  locations.front().files_only = true;
  locations.back().access.allow.emplace();
  EXPECT_THAT(notes_on_sites(config), IsEmpty());
  locations.push_back(
      location(config::MatchKind::extension, ".php", config::ProgramKind::in_place));
  locations.push_back(
      location(config::MatchKind::extension, ".cgi", config::ProgramKind::in_place));
  EXPECT_THAT(
      notes_on_sites(config),
      ElementsAre("cgi = false of location /uploads/ goes before *.php, *.cgi: there what has such "
                  "an ending is sent as a file, source and all",
                  "location /pages/ does not say cgi = false: below it *.php, *.cgi is run, as the "
                  "location of that ending says"));
}

TEST(SiteNotes, TellThatNobodyIsAskedForAPassword) {
  config::Config config{.sites = {site_at("a", "/srv/a")}};
  config::Site& site = config.sites.front();
  EXPECT_EQ(site.access.allow.emplace().add("192.0.2.0/25"), "");
  EXPECT_EQ(site.access.auth.emplace().open_to.add("192.0.2.128/25"), "");
  site.locations = {location(config::MatchKind::prefix, "/a/"),
                    location(config::MatchKind::prefix, "/b/")};
  EXPECT_THAT(notes_on_sites(config), IsEmpty());
  // Its own allow, and the site's auth.
  EXPECT_EQ(site.locations.back().access.allow.emplace().add("192.0.2.129"), "");
  EXPECT_THAT(notes_on_sites(config),
              ElementsAre(HasSubstr("asked for a password in location /b/")));
  EXPECT_EQ(site.access.auth->open_to.add("192.0.2.0/24"), "");
  EXPECT_THAT(notes_on_sites(config),
              ElementsAre(HasSubstr("asked for a password in site a"),
                          HasSubstr("asked for a password in location /b/")));
}

TEST(SiteNotes, TellThatAProxyOnAUnixSocketIsLocal) {
  config::Config config{.sites = {site_at("a", "/srv/a")}};
  config.listen = {{.address = "127.0.0.1:80"}, {.address = "unix:/run/a.sock"}};
  EXPECT_THAT(notes_on_sites(config), IsEmpty());
  config.sites.front().locations = {location(config::MatchKind::prefix, "/a/")};
  auto& allow = config.sites.front().locations.front().access.allow.emplace();
  EXPECT_EQ(allow.add("192.0.2.0/24"), "");
  EXPECT_THAT(notes_on_sites(config), IsEmpty());
  EXPECT_EQ(allow.add("local"), "");
  EXPECT_THAT(notes_on_sites(config),
              ElementsAre(HasSubstr("whoever connects to unix:/run/a.sock")));
  config.sites.front().access.auth.emplace().open_to.add("local");
  EXPECT_THAT(notes_on_sites(config),
              ElementsAre(HasSubstr("allow lets in"), HasSubstr("open_to in auth lets in")));
  EXPECT_EQ(config.server.trusted_proxies.add("unix"), "");
  EXPECT_THAT(notes_on_sites(config), IsEmpty());
}

// Fault 30.
class SitesInCommon : public testing::Test {
 protected:
  config::Site& runs() { return config.sites.back(); }
  config::Site& plain() { return config.sites.front(); }
  void place(const std::string& plain_root, const std::string& runs_root) {
    plain().real_root = plain_root;
    runs().real_root = runs_root;
  }
  config::Config config{.sites = {site_at("plain", "/srv/a"), site_at("runs", "/srv/a")}};
};

TEST_F(SitesInCommon, TellOfProgramsThatTheOtherAnswers403For) {
  runs().locations = {
      location(config::MatchKind::extension, ".php", config::ProgramKind::in_place)};
  EXPECT_THAT(notes_on_sites(config),
              ElementsAre("the site plain has files that location *.php of the site runs runs, and "
                          "answers 403 for them; run them there too, or write cgi = false in a "
                          "location of it to have their source sent"));
  for (const auto& [one, other] : {std::pair{"/srv", "/srv/a"}, {"/srv/a/b", "/srv/a"}}) {
    place(one, other);
    EXPECT_THAT(notes_on_sites(config), ElementsAre(HasSubstr("answers 403"))) << one;
  }
  place("/srv/b", "/srv/a");
  EXPECT_THAT(notes_on_sites(config), IsEmpty());
}

TEST_F(SitesInCommon, KnowPrefixesAndDirectoriesOfPrograms) {
  runs().locations = {
      location(config::MatchKind::prefix, "/cgi-bin/", config::ProgramKind::in_place)};
  for (const auto& [one, count] : {std::pair{"/srv/a", 1},
                                   {"/srv", 1},
                                   {"/srv/a/cgi-bin", 1},
                                   {"/srv/a/cgi-bin/x", 1},
                                   {"/srv/a/b", 0}}) {
    place(one, "/srv/a");
    EXPECT_EQ(notes_on_sites(config).size(), count) << one;
  }
  place("/srv/a", "/srv/b");
  runs().locations = {location(config::MatchKind::prefix, "/run/", config::ProgramKind::directory)};
  runs().locations.front().real_path = "/srv/a/programs";
  EXPECT_THAT(notes_on_sites(config), ElementsAre(HasSubstr("location /run/ of the site runs")));
}

TEST_F(SitesInCommon, SayNothingWhereTheOtherRunsThemTooOrSendsThem) {
  runs().locations = {
      location(config::MatchKind::extension, ".php", config::ProgramKind::in_place)};
  plain().locations = runs().locations;
  EXPECT_THAT(notes_on_sites(config), IsEmpty());
  plain().locations = {location(config::MatchKind::prefix, "/")};
  plain().locations.front().files_only = true;
  EXPECT_THAT(notes_on_sites(config), IsEmpty());
}

// ---- of files that are there

class NotesOnFiles : public testing::Test {
 protected:
  NotesOnFiles() {
    tree.file("a/conf/secret");
    tree.file("a/passwords", 0640, "alice:{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=\n");
    tree.directory("etc");
  }
  std::vector<std::string> notes(const std::string& sites) const {
    const auto config = config::parse_config(sites, tree.path() + "/test.toml");
    return config ? notes_on_sites(*config) : std::vector{config.error().front().text()};
  }

  TemporaryDirectory tree;
};

TEST_F(NotesOnFiles, TellOfAPasswordFileBelowARoot) {
  const std::string auth = "auth = { passwords = 'a/passwords' }\n";
  EXPECT_THAT(notes("[[site]]\nroot = 'a'\n" + auth),
              ElementsAre(AllOf(HasSubstr("/a/passwords has the address /passwords in the site "),
                                HasSubstr("which answers 404 for it"))));
  EXPECT_THAT(notes("[[site]]\nroot = 'etc'\n" + auth), IsEmpty());
}

TEST_F(NotesOnFiles, TellWhereElseIsWhatALocationDenies) {
  const std::string one =
      "[[site]]\nroot = 'a'\n[[site.location]]\nmatch = '/conf/'\ndeny = true\n[[site]]\n"
      "server_name = ['b']\n";
  EXPECT_THAT(notes(one + "root = '.'\n"),
              ElementsAre(AllOf(HasSubstr("/test.toml:5: location /conf/ of the site "),
                                HasSubstr("denies what the site b has too"))));
  const std::string of_b = "[[site.location]]\nmatch = '/a/conf/'\n";
  EXPECT_THAT(notes(one + "root = '.'\n" + of_b + "deny = 'hide'\n"), IsEmpty());
  EXPECT_THAT(notes(one + "root = '.'\n" + of_b + "allow = ['all']\n"), IsEmpty())
      << "somebody has decided";
  EXPECT_THAT(notes(one + "root = 'a/conf'\n"), IsEmpty()) << "it is meant to be seen";
  EXPECT_THAT(notes(one + "root = 'etc'\n"), IsEmpty());
}

// What a location names is that location's alone.
TEST_F(NotesOnFiles, TellOfAProgramWithARuleByOneAddressAlone) {
  tree.file("a/docs/p.cgi", 0755);
  tree.file("a/open/p.cgi", 0755);
  const std::string site = "[[site]]\nserver_name = ['a']\nroot = 'a'\n";
  const std::string closed =
      "[[site.location]]\nmatch = '/docs/'\nauth = { passwords = 'a/passwords' }\n";
  const std::string naming = "[[site.location]]\nmatch = '/docs4/'\ncgi = ";
  const auto text = HasSubstr(
      "/test.toml:6: auth of location /docs/ holds for /docs/p.cgi of the site a, and not for "
      "/docs4/ of the site a, which is the same program: location /docs4/ (");
  const auto to_write = HasSubstr("write auth for /docs4/ too, or auth = false");
  const auto told = [&](const std::string& more) {
    auto all = notes(site + closed + more);
    std::erase_if(all, [](const std::string& note) { return note.contains("answers 404 for it"); });
    return all;
  };
  EXPECT_THAT(told(naming + "'docs/p.cgi'\n"), ElementsAre(AllOf(text, to_write)));
  EXPECT_THAT(told(naming + "'docs/'\n"), ElementsAre(HasSubstr("holds for /docs/ of the site a")));
  EXPECT_THAT(told(naming + "'docs/p.cgi'\nauth = false\n"), IsEmpty()) << "it is decided";
  EXPECT_THAT(told(naming + "'open/p.cgi'\n"), IsEmpty());
  EXPECT_THAT(
      told("[[site.location]]\nmatch = '=/docs/p.cgi'\ndeny = true\n" + naming + "'docs/p.cgi'\n"),
      IsEmpty())
      << "nothing is found by the other address";
}

TEST_F(NotesOnFiles, TellOfARuleThatTheNamedProgramHasAlone) {
  tree.file("a/cgi-bin/py.cgi", 0755);
  const std::string site =
      "[[site]]\nserver_name = ['a']\nroot = 'a'\n[[site.location]]\nmatch = '/cgi-bin/'\n"
      "cgi = true\n[[site.location]]\nmatch = '/notes/'\ncgi = 'cgi-bin/py.cgi'\n";
  EXPECT_THAT(notes(site + "allow = ['192.0.2.0/24']\n"),
              ElementsAre(AllOf(HasSubstr("/test.toml:10: allow of location /notes/ holds for "
                                          "/notes/ of the site a, and not for /cgi-bin/py.cgi"),
                                HasSubstr("/test.toml:9) names it"),
                                HasSubstr("write allow for /cgi-bin/py.cgi too"))));
  EXPECT_THAT(notes(site + "allow = ['all']\n"), IsEmpty());
  EXPECT_THAT(notes(site + "[[site.location]]\nmatch = '/open/'\ncgi = 'cgi-bin/py.cgi'\n"),
              IsEmpty());
  EXPECT_THAT(notes(site), IsEmpty());
}

}  // namespace
}  // namespace cgisrv::site
