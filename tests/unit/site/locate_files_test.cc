// What is denied, and files that are elsewhere than below the root.
#include "config/site.h"
#include "locate_fixture.h"

namespace cgisrv::site {
namespace {

using Kind = Located::Kind;

using LocateDenied = Locate;

TEST_F(LocateDenied, NothingBelowAPrefix) {
  tree.file("lib/a.txt");
  tree.file("lib/a.cgi", 0755);
  tree.file("lib/index.html");
  add(config::MatchKind::prefix, "/lib/", config::ProgramKind::none).deny = config::Deny::forbidden;
  for (const auto* raw : {"/lib", "/lib/", "/lib/a.txt", "/lib/a.cgi", "/lib/a.cgi/x", "/lib/gone"})
    EXPECT_EQ(status_of(raw), 403) << raw;
  EXPECT_EQ(find("/lib/a.txt").problem, "location /lib/ denies /lib/a.txt");
  site.locations.back().deny = config::Deny::hidden;
  for (const auto* raw : {"/lib", "/lib/", "/lib/a.txt", "/lib/a.cgi"})
    EXPECT_EQ(status_of(raw), 404) << raw;
  add(config::MatchKind::exact, "/lib/a.txt", config::ProgramKind::none);
  add(config::MatchKind::prefix, "/lib/open/", config::ProgramKind::none).files_only = true;
  tree.file("lib/open/b.txt");
  EXPECT_EQ(status_of("/lib/a.txt"), 0) << "more specific";
  EXPECT_EQ(status_of("/lib/open/b.txt"), 0);
}

TEST_F(LocateDenied, AnEndingBelowEveryPrefix) {
  TemporaryDirectory programs;
  add(config::MatchKind::extension, ".inc", config::ProgramKind::none).deny = config::Deny::hidden;
  add(config::MatchKind::prefix, "/data/", config::ProgramKind::none).files_only = true;
  add(config::MatchKind::prefix, "/run/", config::ProgramKind::directory, programs.path());
  add(config::MatchKind::prefix, "/one/", config::ProgramKind::single, programs.file("a", 0755));
  programs.file("b.inc", 0755);
  tree.file("a.inc");
  tree.file("data/a.inc");
  tree.file("cgi-bin/a.inc", 0755);
  tree.file("cgi-bin/show", 0755);
  for (const auto* raw :
       {"/a.inc", "/data/a.inc", "/cgi-bin/a.inc", "/cgi-bin/a.inc/x", "/run/b.inc"})
    EXPECT_EQ(status_of(raw), 404) << raw;
  EXPECT_EQ(find("/data/a.inc").problem, "location *.inc denies /data/a.inc");
  EXPECT_EQ(find("/cgi-bin/show/a.inc").script.path_info, "/a.inc") << "no file";
  EXPECT_EQ(find("/one/a.inc").kind, Kind::program);
  config::Location open;
  open.match = {config::MatchKind::prefix_ending, "/data/", ".inc"};
  site.locations.push_back(open);
  EXPECT_EQ(find("/data/a.inc").kind, Kind::file) << "more specific";
  EXPECT_TRUE(is_denied(site, "/a.inc"));
  EXPECT_FALSE(is_denied(site, "/data/a.inc"));
}

TEST_F(LocateDenied, AnIndexToo) {
  tree.file("dir/index.html");
  add(config::MatchKind::extension, ".html", config::ProgramKind::none).deny =
      config::Deny::forbidden;
  EXPECT_EQ(status_of("/dir/"), 403);
}

class LocateFilesElsewhere : public Locate {
 protected:
  LocateFilesElsewhere() {
    add(config::MatchKind::prefix, "/share/", config::ProgramKind::none).files = share.path();
  }
  TemporaryDirectory share;
};

TEST_F(LocateFilesElsewhere, StandForThePrefix) {
  const auto file = share.file("dir/a b.txt");
  tree.file("share/dir/hidden.txt");
  const auto located = find("/share/dir/a%20b.txt");
  ASSERT_EQ(located.kind, Kind::file) << located.problem;
  EXPECT_EQ(located.file, file);
  EXPECT_EQ(located.tree, share.path());
  EXPECT_EQ(status_of("/share/dir/hidden.txt"), 404) << "what stands below the root";
  EXPECT_EQ(find("/share").redirect, "/share/");
  EXPECT_EQ(find("/share/dir").redirect, "/share/dir/");
  EXPECT_EQ(find("/share/dir/").kind, Kind::listing);
  EXPECT_EQ(find("/share/dir/").file, share.path() + "/dir/");
}

TEST_F(LocateFilesElsewhere, HoldToTheRulesOfTheRoot) {
  share.file(".secret");
  share.file("dir/.git/config");
  std::filesystem::create_symlink(tree.file("a.txt"), share.path() + "/link.txt");
  for (const auto* raw : {"/share/.secret", "/share/dir/.git/config", "/share/..%2fa.txt"})
    EXPECT_EQ(http::decode_path(raw) ? status_of(raw) : 404, 404) << raw;
  EXPECT_EQ(find("/share/link.txt").kind, Kind::file);
  site.locations.back().links = Links::never;
  EXPECT_EQ(status_of("/share/link.txt"), 403);
}

TEST_F(LocateFilesElsewhere, HaveProgramsByEndingsAndByTheirPrefix) {
  const auto file = share.file("app/run.cgi", 0755);
  const auto located = find("/share/app/run.cgi/info");
  ASSERT_EQ(located.kind, Kind::program) << located.problem;
  EXPECT_EQ(located.script.name, "/share/app/run.cgi");
  EXPECT_EQ(located.script.filename, file);
  EXPECT_EQ(located.script.path_info, "/info");
  EXPECT_EQ(located.script.root, tree.path());
  EXPECT_EQ(located.script.translated, tree.path() + "/info");
  EXPECT_EQ(find("/share/app/run.cgi/share/x").script.translated, share.path() + "/x");
  EXPECT_EQ(find("/share/app/run.cgi").script.translated, "");
  const auto tool = share.file("tools/tool", 0755);
  site.locations.back().program = config::ProgramKind::in_place;
  EXPECT_EQ(find("/share/tools/tool/x").script.filename, tool);
  EXPECT_EQ(find("/share/tools/tool/x").script.name, "/share/tools/tool");
}

TEST_F(LocateFilesElsewhere, ALongerPrefixWithFilesGoesFirstWhateverRuns) {
  TemporaryDirectory inner;
  site.locations.back().program = config::ProgramKind::in_place;
  add(config::MatchKind::prefix, "/share/in/", config::ProgramKind::none).files = inner.path();
  const auto file = inner.file("tool", 0755);
  EXPECT_EQ(find("/share/in/tool/x").script.filename, file);
  EXPECT_EQ(find("/share/in/tool/x").script.path_info, "/x");
}

TEST_F(LocateFilesElsewhere, APrefixWithAnEndingHasTheFilesOfThePrefix) {
  config::Location location;
  location.match = {config::MatchKind::prefix_ending, "/share/", ".pl"};
  location.program = config::ProgramKind::in_place;
  site.locations.push_back(location);
  const auto file = share.file("dir.pl/a.pl", 0755);
  EXPECT_EQ(find("/share/dir.pl/a.pl/i").script.filename, file);
  EXPECT_EQ(find("/share/dir.pl/a.pl/i").script.path_info, "/i");
  EXPECT_EQ(find("/share/dir.pl").redirect, "/share/dir.pl/");
  share.file("b.pl", 0644);
  EXPECT_EQ(status_of("/share/b.pl"), 403);
  tree.file("a.pl", 0755);
  EXPECT_EQ(find("/a.pl").kind, Kind::file);
}

TEST_F(LocateFilesElsewhere, OneFileForAnExactPath) {
  const auto file = share.file("robots.txt");
  add(config::MatchKind::exact, "/r.txt", config::ProgramKind::none).files = file;
  EXPECT_EQ(find("/r.txt").file, file);
  EXPECT_EQ(find("/r.txt").tree, share.path());
  const auto program = share.file("tool", 0755);
  add(config::MatchKind::exact, "/t", config::ProgramKind::in_place).files = program;
  EXPECT_EQ(find("/t").script.filename, program);
  EXPECT_EQ(find("/t").script.name, "/t");
}

TEST_F(LocateFilesElsewhere, NoSourceIsSentByAnotherPath) {
  add(config::MatchKind::prefix, "/raw/", config::ProgramKind::none).files = share.path();
  auto& runs = add(config::MatchKind::prefix, "/app/", config::ProgramKind::in_place);
  runs.files = share.directory("app");
  share.file("app/tool", 0755);
  share.file("app/data.txt");
  EXPECT_EQ(find("/app/tool").kind, Kind::program);
  EXPECT_EQ(status_of("/raw/app/tool"), 403);
  EXPECT_EQ(status_of("/share/app/tool"), 403);
  std::filesystem::create_symlink(share.path() + "/app/tool", tree.path() + "/tool.txt");
  EXPECT_EQ(status_of("/tool.txt"), 403);
  site.locations[site.locations.size() - 2].files_only = true;
  EXPECT_EQ(find("/raw/app/tool").kind, Kind::file);
}

TEST_F(LocateFilesElsewhere, HaveAnIndexOfTheirOwn) {
  site.locations.back().index = {"start.html", "start.cgi"};
  share.file("start.cgi", 0755);
  EXPECT_EQ(find("/share/").script.name, "/share/start.cgi");
  const auto page = share.file("start.html");
  EXPECT_EQ(find("/share/").file, page);
  tree.file("start.html");
  EXPECT_EQ(find("/").kind, Kind::listing);
}

using LocateListing = Locate;

TEST_F(LocateListing, ALocationListsWhateverItsSiteDoes) {
  tree.directory("a/b");
  config::Location& location = add(config::MatchKind::prefix, "/a/", config::ProgramKind::none);
  EXPECT_EQ(find("/a/b/").kind, Located::Kind::listing);
  location.listing = false;
  EXPECT_EQ(status_of("/a/b/"), 404);
  EXPECT_EQ(find("/").kind, Located::Kind::listing);
  site.listing = false;
  location.listing = true;
  EXPECT_EQ(find("/a/b/").kind, Located::Kind::listing);
  EXPECT_EQ(status_of("/"), 404);
}

}  // namespace
}  // namespace cgisrv::site
