#include <gmock/gmock.h>

#include "locate_fixture.h"

namespace cgisrv::site {
namespace {

using config::Location, config::MatchKind, config::ProgramKind, config::Site, testing::HasSubstr;
using Kind = Located::Kind;

using LocateStatic = Locate;

TEST_F(LocateStatic, File) {
  const auto file = tree.file("a b/c.html");
  const auto located = find("/a%20b/c.html");
  EXPECT_EQ(located.kind, Kind::file);
  EXPECT_EQ(located.file, file);
  EXPECT_EQ(located.location, &site.fallback);
}

TEST_F(LocateStatic, NothingFollowsAFile) {
  tree.file("a.html");
  EXPECT_EQ(status_of("/a.html/more"), 404);
  EXPECT_EQ(status_of("/a.html/"), 404);
}

TEST_F(LocateStatic, MissingAndOverlongNames) {
  EXPECT_EQ(status_of("/gone"), 404);
  EXPECT_EQ(status_of("/" + std::string(300, 'n')), 404);
  EXPECT_EQ(status_of("/" + std::string(6000, 'n')), 404);
}

TEST_F(LocateStatic, ProblemsCannotForgeALogLine) {
  for (const auto* path : {"/a%0ab", "/cgi-bin/a%0ab", "/.%0a", "/a%0ab.cgi"}) {
    EXPECT_EQ(find(path).problem.find('\n'), std::string::npos) << path;
  }
}

TEST_F(LocateStatic, DotfilesAreNotServed) {
  tree.file(".htpasswd");
  tree.file(".git/config");
  tree.file(".git/a.cgi", 0755);
  for (const auto* path :
       {"/.htpasswd", "/%2ehtpasswd", "/.git/config", "/.git/", "/.git", "/.git/a.cgi"}) {
    EXPECT_EQ(status_of(path), 404) << path;
  }
}

TEST_F(LocateStatic, EncodedSlashNamesNoFile) {
  tree.file("dir/a.html");
  EXPECT_EQ(status_of("/dir%2Fa.html"), 404);
  EXPECT_EQ(status_of("/dir/%2F"), 404);
}

TEST_F(LocateStatic, SpecialFilesAreForbidden) {
  ASSERT_EQ(::mkfifo((tree.path() + "/pipe").c_str(), 0644), 0);
  EXPECT_EQ(status_of("/pipe"), 403);
}

TEST_F(LocateStatic, ClosedDirectoryIsForbidden) {
  tree.file("closed/a.html");
  tree.directory("closed", 0);
  {
    const Unprivileged us;
    EXPECT_EQ(status_of("/closed/a.html"), 403);
  }
  tree.directory("closed", 0755);
}

TEST_F(LocateStatic, LinksAreFollowed) {
  TemporaryDirectory elsewhere;
  std::filesystem::create_symlink(elsewhere.file("a.html"), tree.path() + "/link.html");
  std::filesystem::create_symlink("loop", tree.path() + "/loop");
  EXPECT_EQ(find("/link.html").kind, Kind::file);
  EXPECT_EQ(status_of("/loop"), 404);
}

// Each of them is run under its own path, and nothing else than run.
TEST_F(LocateStatic, LinkToAProgramDoesNotShowItsSource) {
  TemporaryDirectory elsewhere;
  add(MatchKind::prefix, "/tools/", ProgramKind::directory, elsewhere.path());
  tree.file("page.html", 0755);  // executable, but nothing runs it
  std::filesystem::create_symlink(tree.file("a.cgi", 0755), tree.path() + "/a.txt");
  std::filesystem::create_symlink(tree.file("cgi-bin/b", 0755), tree.path() + "/b.txt");
  std::filesystem::create_symlink(elsewhere.file("c", 0755), tree.path() + "/c.txt");
  std::filesystem::create_symlink(tree.directory("cgi-bin"), tree.path() + "/programs");
  std::filesystem::create_symlink("page.html", tree.path() + "/d.html");
  for (const auto* raw : {"/a.txt", "/b.txt", "/c.txt", "/programs/b"})
    EXPECT_EQ(status_of(raw), 403) << raw;
  EXPECT_EQ(status_of("/page.html"), 0);
  EXPECT_EQ(status_of("/d.html"), 0);
}

TEST_F(LocateStatic, LinkToAnInterpretersFileDoesNotShowItsSource) {
  add(MatchKind::extension, ".py", ProgramKind::in_place).interpreter = "/usr/bin/python3";
  std::filesystem::create_symlink(tree.file("app.py"), tree.path() + "/app.txt");
  std::filesystem::create_symlink(tree.file("real.txt"), tree.path() + "/link.txt");
  EXPECT_EQ(status_of("/app.txt"), 403);
  EXPECT_EQ(status_of("/link.txt"), 0);
}

TEST_F(LocateStatic, ABackendRunsFilesThatNeedNotBeExecutable) {
  add(MatchKind::extension, ".php", ProgramKind::in_place).backend.address = "unix:/php.sock";
  std::filesystem::create_symlink(tree.file("a.php"), tree.path() + "/a.txt");
  EXPECT_EQ(find("/a.php/b").kind, Kind::program);
  EXPECT_EQ(find("/a.php/b").script.path_info, "/b");
  EXPECT_EQ(status_of("/a.txt"), 403);  // its source
  EXPECT_EQ(status_of("/none.php"), 404);
}

TEST_F(LocateStatic, ABackendMayHaveAllBelowAPrefix) {
  tree.file("app/a.txt");
  add(MatchKind::prefix, "/app/", ProgramKind::single).backend.address = "unix:/app.sock";
  for (const std::string rest : {"", "/", "/a.txt", "/.hidden/x.cgi"}) {
    const Located found = find("/app" + rest);
    EXPECT_EQ(found.kind, Kind::program) << rest;
    EXPECT_EQ(found.script.name, "/app");
    EXPECT_EQ(found.script.path_info, rest);
    EXPECT_EQ(found.script.filename, "unix:/app.sock");
  }
}

TEST_F(LocateStatic, SiteUnderALinkServesItsExecutableFiles) {
  TemporaryDirectory elsewhere;
  tree.file("page.html", 0755);
  tree.file("a.cgi", 0755);
  std::filesystem::create_symlink("a.cgi", tree.path() + "/a.txt");
  std::filesystem::create_symlink(tree.path(), elsewhere.path() + "/site");
  site.root = elsewhere.path() + "/site";
  EXPECT_EQ(status_of("/page.html"), 0);
  EXPECT_EQ(find("/a.cgi").kind, Kind::program);
  EXPECT_EQ(status_of("/a.txt"), 403);
}

using LocateDirectory = Locate;

TEST_F(LocateDirectory, Rfc9110_15_4_2WithoutSlashIsRedirected) {
  tree.directory("a b");
  const auto located = find("/a%20b");
  EXPECT_EQ(located.kind, Kind::slash);
  EXPECT_EQ(located.redirect, "/a%20b/");
}

TEST_F(LocateDirectory, FirstIndexAnswers) {
  const auto html = tree.file("index.html");
  EXPECT_EQ(find("/").file, html);
  const auto cgi = tree.file("index.cgi", 0755);
  const auto located = find("/");
  EXPECT_EQ(located.kind, Kind::program);
  EXPECT_EQ(located.script.name, "/index.cgi");
  EXPECT_EQ(located.script.filename, cgi);
  EXPECT_EQ(located.script.path_info, "");
  EXPECT_EQ(located.location, &site.locations[1]);
}

TEST_F(LocateDirectory, IndexThatIsAProgramIsNeverSentAsText) {
  tree.file("index.cgi", 0644);
  tree.file("index.html");
  EXPECT_EQ(status_of("/"), 403);
}

TEST_F(LocateDirectory, IndexThatIsADirectoryIsPassedOver) {
  tree.directory("index.cgi");
  EXPECT_EQ(find("/").kind, Kind::listing);
}

TEST_F(LocateDirectory, ListingOnlyWhereTheSiteLists) {
  tree.directory("dir");
  EXPECT_EQ(find("/dir/").kind, Kind::listing);
  EXPECT_EQ(find("/dir/").file, tree.path() + "/dir/");
  site.listing = false;
  EXPECT_EQ(status_of("/dir/"), 404);
}

using LocateCgiBin = Locate;

TEST_F(LocateCgiBin, ExecutablesAreRun) {
  const auto file = tree.file("cgi-bin/deep/now", 0755);
  const auto located = find("/cgi-bin/deep/now/a%2Fb");
  ASSERT_EQ(located.kind, Kind::program) << located.problem;
  EXPECT_EQ(located.script.name, "/cgi-bin/deep/now");
  EXPECT_EQ(located.script.filename, file);
  EXPECT_EQ(located.script.path_info, "/a/b");
  EXPECT_EQ(located.script.root, tree.path());
  EXPECT_EQ(located.script.interpreter, "");
}

TEST_F(LocateCgiBin, OtherFilesAreForbiddenWithTheRemedy) {
  const auto file = tree.file("cgi-bin/data.html", 0644);
  const auto located = find("/cgi-bin/data.html");
  EXPECT_EQ(located.status, 403);
  EXPECT_EQ(located.problem,
            file +
                " is an HTML page, and not a program; move it out of the directory of programs, "
                "or give it a location with cgi = false");
}

TEST_F(LocateCgiBin, IsNotListedButMayHaveAnIndex) {
  tree.directory("cgi-bin/dir");
  EXPECT_EQ(status_of("/cgi-bin/"), 404);
  EXPECT_EQ(find("/cgi-bin").redirect, "/cgi-bin/");
  EXPECT_EQ(find("/cgi-bin/dir").redirect, "/cgi-bin/dir/");
  tree.file("cgi-bin/dir/index.cgi", 0755);
  EXPECT_EQ(find("/cgi-bin/dir/").script.name, "/cgi-bin/dir/index.cgi");
}

TEST_F(LocateCgiBin, IsListedForItsAuthor) {
  tree.directory("cgi-bin/dir");
  site.listing = true;
  EXPECT_EQ(status_of("/cgi-bin/"), 404);
  site.lists_programs = true;
  EXPECT_EQ(find("/cgi-bin/").kind, Kind::listing);
  EXPECT_EQ(find("/cgi-bin/dir/").file, tree.path() + "/cgi-bin/dir/");
  tree.file("cgi-bin/index.cgi", 0755);
  EXPECT_EQ(find("/cgi-bin/").kind, Kind::program);
}

TEST_F(LocateCgiBin, FileOfThatNameIsNoProgram) {
  tree.file("cgi-bin", 0755);
  EXPECT_EQ(status_of("/cgi-bin/x"), 404);
}

using LocateByEnding = Locate;

TEST_F(LocateByEnding, ScriptAndPathInfo) {
  tree.file("dir/a.cgi", 0755);
  EXPECT_EQ(find("/dir/a.cgi").script.name, "/dir/a.cgi");
  EXPECT_EQ(find("/dir/a.cgi/").script.path_info, "/");
  EXPECT_EQ(find("/dir/a.cgi/x%0ay/b.cgi").script.path_info, "/x\ny/b.cgi");
  EXPECT_EQ(find("/dir/a.cgi/x%2Fy").script.path_info, "/x/y");
  const auto info = "/" + std::string(10'000, 'x');
  EXPECT_EQ(find("/dir/a.cgi" + info).script.path_info, info);
}

TEST_F(LocateByEnding, SourceIsNeverSent) {
  tree.file("a.cgi", 0644);
  EXPECT_EQ(status_of("/a.cgi"), 403);
  EXPECT_EQ(status_of("/a.cgi/x"), 403);
  EXPECT_EQ(status_of("/gone.cgi"), 404);
}

TEST_F(LocateByEnding, OtherExecutablesAreFiles) {
  tree.file("tool", 0755);
  EXPECT_EQ(find("/tool").kind, Kind::file);
  EXPECT_EQ(status_of("/tool/b.cgi"), 404) << "only what has the ending can be the script";
}

TEST_F(LocateByEnding, DirectoryWithTheEnding) {
  tree.file("dir.cgi/x.html");
  tree.file("dir.cgi/tool", 0755);
  tree.file("dir.cgi/a.cgi", 0755);
  tree.file("dir.cgi/b.cgi", 0644);
  EXPECT_EQ(find("/dir.cgi").redirect, "/dir.cgi/");
  EXPECT_EQ(find("/dir.cgi/").kind, Kind::listing);
  EXPECT_EQ(find("/dir.cgi/x.html").kind, Kind::file);
  EXPECT_EQ(find("/dir.cgi/tool").kind, Kind::file);
  EXPECT_EQ(find("/dir.cgi/a.cgi/i").script.name, "/dir.cgi/a.cgi");
  EXPECT_EQ(status_of("/dir.cgi/b.cgi"), 403);
}

TEST_F(LocateByEnding, StaticEndingDoesNotHideAProgramBelow) {
  add(MatchKind::extension, ".html", ProgramKind::none);
  tree.file("dir.html/a.cgi", 0755);
  tree.file("dir.html/b.html");
  EXPECT_EQ(find("/dir.html/a.cgi").kind, Kind::program);
  EXPECT_EQ(find("/dir.html/b.html").kind, Kind::file);
}

TEST_F(LocateByEnding, InterpreterReadsItsFiles) {
  add(MatchKind::extension, ".py", ProgramKind::in_place).interpreter = "/usr/bin/python3";
  tree.file("a.py", 0644);
  const auto located = find("/a.py/x");
  ASSERT_EQ(located.kind, Kind::program) << located.problem;
  EXPECT_EQ(located.script.interpreter, "/usr/bin/python3");
  EXPECT_EQ(located.script.path_info, "/x");
}

using LocateConfigured = Locate;

TEST_F(LocateConfigured, ExactPathInPlace) {
  add(MatchKind::exact, "/status", ProgramKind::in_place);
  tree.file("status", 0755);
  EXPECT_EQ(find("/status").script.name, "/status");
  EXPECT_EQ(status_of("/status/x"), 404);
}

TEST_F(LocateConfigured, DirectoryOfProgramsElsewhere) {
  TemporaryDirectory programs;
  add(MatchKind::prefix, "/run/", ProgramKind::directory, programs.path());
  const auto file = programs.file("a", 0755);
  const auto located = find("/run/a/b");
  ASSERT_EQ(located.kind, Kind::program) << located.problem;
  EXPECT_EQ(located.script.name, "/run/a");
  EXPECT_EQ(located.script.filename, file);
  EXPECT_EQ(located.script.path_info, "/b");
  EXPECT_EQ(located.script.root, tree.path());
  EXPECT_EQ(status_of("/run/"), 404);
}

TEST_F(LocateConfigured, OneProgramForEverythingBelow) {
  TemporaryDirectory programs;
  const auto file = programs.file("backend", 0755);
  add(MatchKind::prefix, "/git/", ProgramKind::single, file);
  const auto located = find("/git/x.git/info%2Frefs");
  ASSERT_EQ(located.kind, Kind::program) << located.problem;
  EXPECT_EQ(located.script.name, "/git");
  EXPECT_EQ(located.script.filename, file);
  EXPECT_EQ(located.script.path_info, "/x.git/info/refs");
}

// Fault 3.
TEST_F(LocateConfigured, OneProgramHasTheAddressThatItIsToldAsScriptName) {
  TemporaryDirectory programs;
  add(MatchKind::prefix, "/hook/", ProgramKind::single, programs.file("hook", 0755));
  for (const auto& [raw, info] : {std::pair{"/hook", ""}, {"/hook/", "/"}, {"/hook/a", "/a"}}) {
    const auto located = find(raw);
    ASSERT_EQ(located.kind, Kind::program) << raw << located.problem;
    EXPECT_EQ(located.script.name, "/hook");
    EXPECT_EQ(located.script.path_info, info);
  }
  EXPECT_EQ(status_of("/hook%2Fa"), 404);
}

// Fault 24b.
TEST_F(LocateConfigured, FilesOnlyRunsNothingWhateverItsEnding) {
  add(MatchKind::extension, ".py", ProgramKind::in_place).interpreter = "/usr/bin/python3";
  add(MatchKind::extension, ".lib.py", ProgramKind::none).files_only = true;
  add(MatchKind::prefix, "/uploads/", ProgramKind::none).files_only = true;
  add(MatchKind::prefix, "/pages/", ProgramKind::none);
  tree.file("uploads/a.py");
  tree.file("uploads/a.cgi", 0755);
  tree.file("pages/a.py");
  tree.file("dir.py/b.lib.py");
  EXPECT_EQ(find("/uploads/a.py").kind, Kind::file);
  EXPECT_EQ(find("/uploads/a.cgi").kind, Kind::file);
  EXPECT_EQ(find("/dir.py/b.lib.py").kind, Kind::file);
  EXPECT_EQ(status_of("/uploads/a.cgi/info"), 404);
  EXPECT_EQ(find("/pages/a.py").kind, Kind::program);
  std::filesystem::create_symlink("../pages/a.py", tree.path() + "/uploads/link.txt");
  EXPECT_EQ(status_of("/uploads/link.txt"), 403) << "that program is not below it";
}

// Fault 30.
class LocateInOneOfTwoSites : public Locate {
 protected:
  // The second site runs programs; the first, which is asked, does not.
  LocateInOneOfTwoSites() {
    other() = std::move(site);
    site = {.server_name = {"plain"}, .root = tree.path()};
    other().locations.push_back({.match = {MatchKind::extension, ".py"},
                                 .program = ProgramKind::in_place,
                                 .interpreter = "/usr/bin/python3"});
    other().server_name = {"programs"};
    for (const auto* name : {"a.cgi", "cgi-bin/b", "sub/d.cgi", "sub/cgi-bin/e"})
      tree.file(name, 0755);
    for (const auto* name : {"c.py", "sub/f.py", "data.txt", "cgi-bin/data.txt"})
      tree.file(name);
  }
  Site& other() { return config.sites.back(); }
  // As reading the configuration finds it.
  static void set_root(Site& of, const std::string& root) {
    of.root = root;
    of.real_root = std::filesystem::canonical(root);
  }
};

TEST_F(LocateInOneOfTwoSites, NoSourceOfTheOthersIsSent) {
  for (const auto* raw : {"/a.cgi", "/cgi-bin/b", "/cgi-bin/data.txt", "/c.py", "/sub/d.cgi"})
    EXPECT_EQ(status_of(raw), 403) << raw;
  EXPECT_EQ(status_of("/data.txt"), 0);
  EXPECT_EQ(find("/c.py").problem,
            tree.path() +
                "/c.py belongs to the programs of location *.py of site programs; its "
                "source is sent here only where cgi = false is said");
}

TEST_F(LocateInOneOfTwoSites, NorWhereOneRootHoldsTheOther) {
  set_root(other(), tree.path() + "/sub");
  EXPECT_EQ(status_of("/a.cgi"), 0);
  for (const auto* raw : {"/sub/d.cgi", "/sub/cgi-bin/e", "/sub/f.py"})
    EXPECT_EQ(status_of(raw), 403) << raw;
  set_root(other(), tree.path());
  set_root(site, tree.path() + "/sub");
  for (const auto* raw : {"/d.cgi", "/f.py"})
    EXPECT_EQ(status_of(raw), 403) << raw;
  EXPECT_EQ(status_of("/cgi-bin/e"), 0) << "which no site runs";
}

TEST_F(LocateInOneOfTwoSites, NorByLinks) {
  TemporaryDirectory elsewhere;
  std::filesystem::create_symlink(tree.path(), elsewhere.path() + "/www");
  set_root(site, elsewhere.path() + "/www");
  set_root(other(), tree.path());
  EXPECT_EQ(status_of("/a.cgi"), 403);
  EXPECT_EQ(status_of("/c.py"), 403);
  set_root(site, elsewhere.path());
  EXPECT_EQ(status_of("/www/c.py"), 403);
  std::filesystem::create_symlink(tree.path() + "/c.py", elsewhere.path() + "/c.txt");
  EXPECT_EQ(status_of("/c.txt"), 403);
  set_root(site, tree.path());
  set_root(other(), elsewhere.path() + "/www");
  EXPECT_EQ(status_of("/c.py"), 403);
}

TEST_F(LocateInOneOfTwoSites, NorWhatItsDirectoriesOfProgramsHold) {
  other().locations.push_back({.match = {MatchKind::prefix, "/run/"},
                               .program = ProgramKind::directory,
                               .path = tree.directory("programs")});
  tree.file("programs/x", 0755);
  EXPECT_EQ(status_of("/programs/x"), 403);
}

TEST_F(LocateInOneOfTwoSites, ButWhereItIsAskedFor) {
  site.locations.push_back({.match = {MatchKind::prefix, "/sub/"}, .files_only = true});
  for (const auto* raw : {"/sub/d.cgi", "/sub/f.py"})
    EXPECT_EQ(find(raw).kind, Kind::file) << raw;
  EXPECT_EQ(status_of("/a.cgi"), 403);
}

TEST_F(LocateConfigured, AnInterpreterForTheOneProgramAndForADirectoryOfThem) {
  TemporaryDirectory programs;
  const auto file = programs.file("app.py", 0644);
  add(config::MatchKind::prefix, "/app/", config::ProgramKind::single, file).interpreter =
      "/usr/bin/python3";
  add(config::MatchKind::prefix, "/all/", config::ProgramKind::directory, programs.path())
      .interpreter = "/usr/bin/python3";
  EXPECT_EQ(find("/app/x").script.interpreter, "/usr/bin/python3");
  EXPECT_EQ(find("/app/x").script.filename, file);
  EXPECT_EQ(find("/all/app.py/x").script.path_info, "/x");
}

TEST_F(LocateConfigured, SourceIsNotSentUnderAnotherUrl) {
  add(MatchKind::prefix, "/run/", ProgramKind::directory, tree.directory("programs"));
  add(MatchKind::prefix, "/one/", ProgramKind::single, tree.file("one.pl", 0755));
  tree.file("programs/a.pl", 0755);
  tree.file("programs.html");
  EXPECT_EQ(status_of("/programs/a.pl"), 403);
  EXPECT_EQ(status_of("/one.pl"), 403);
  EXPECT_THAT(find("/one.pl").problem, HasSubstr("location /one/"));
  EXPECT_EQ(find("/programs.html").kind, Kind::file);
}

}  // namespace
}  // namespace cgisrv::site
