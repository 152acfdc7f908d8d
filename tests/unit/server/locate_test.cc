#include "server/locate.h"

#include <gmock/gmock.h>

#include "../temporary_directory.h"
#include "base/check.h"

namespace cgisrv::server {
namespace {

using testing::HasSubstr;
using Kind = Located::Kind;

// A site as directory mode makes it.
class Locate : public testing::Test {
 protected:
  Locate() {
    site.root = tree.path();
    site.listing = true;
    add(MatchKind::prefix, "/cgi-bin/", ProgramKind::in_place);
    add(MatchKind::extension, ".cgi", ProgramKind::in_place);
  }
  Location& add(MatchKind kind, std::string text, ProgramKind program, std::string path = "") {
    Location location;
    location.match = {kind, std::move(text)};
    location.program = program;
    location.path = std::move(path);
    return site.locations.emplace_back(std::move(location));
  }
  Located find(std::string_view raw) {
    const auto path = http::decode_path(raw);
    CGISRV_CHECK(path);
    auto located = locate(site, *path);
    EXPECT_NE(located.location, nullptr) << raw;
    return located;
  }
  // The status of an error; 0 when it is none.
  int status_of(std::string_view raw) {
    const auto located = find(raw);
    EXPECT_TRUE(located.kind != Kind::error || !located.problem.empty()) << raw;
    return located.kind == Kind::error ? located.status : 0;
  }

  TemporaryDirectory tree;
  Site site;
};

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
  EXPECT_EQ(located.kind, Kind::redirect);
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
  EXPECT_EQ(located.problem, file + " is not executable; run: chmod +x " + file);
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
}  // namespace cgisrv::server
