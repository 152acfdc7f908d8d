#include "cgi/resolve.h"

#include <gmock/gmock.h>
#include <sys/socket.h>

#include "../temporary_directory.h"

namespace cgisrv::cgi {
namespace {

using testing::HasSubstr;

http::Path plain(std::string text) {
  const auto size = text.size();
  return {std::move(text), size};
}

class Resolve : public testing::Test {
 protected:
  // Below /cgi-bin/, which the temporary directory stands for.
  Resolution find(const std::string& below, bool needs_execute = true) {
    return resolve_script(tree.path(), plain("/cgi-bin/" + below), 9, needs_execute);
  }
  TemporaryDirectory tree;
};

TEST_F(Resolve, ScriptAndPathInfo) {
  const auto file = tree.file("now.cgi", 0755);
  const auto found = find("now.cgi/a/b");
  ASSERT_EQ(found.found, Found::program) << found.problem;
  EXPECT_EQ(found.script.name, "/cgi-bin/now.cgi");
  EXPECT_EQ(found.script.filename, file);
  EXPECT_EQ(found.script.path_info, "/a/b");
  EXPECT_FALSE(found.script.nph);
}

TEST_F(Resolve, PathInfoIsExact) {
  tree.file("a", 0755);
  EXPECT_EQ(find("a").script.path_info, "");
  EXPECT_EQ(find("a/").script.path_info, "/");
  EXPECT_EQ(find("a/x\ny").script.path_info, "/x\ny");
  EXPECT_EQ(find("a/.hidden/..").script.path_info, "/.hidden/..");
  const auto long_info = "/" + std::string(10'000, 'x');
  EXPECT_EQ(find("a" + long_info).script.path_info, long_info);
}

TEST_F(Resolve, EncodedSlashIsOnlyForPathInfo) {
  tree.file("dir/a", 0755);
  const auto info = resolve_script(tree.path(), *http::decode_path("/c/dir/a/x%2Fy"), 3, true);
  EXPECT_EQ(info.found, Found::program);
  EXPECT_EQ(info.script.path_info, "/x/y");
  for (const auto* raw : {"/c/dir%2Fa", "/c/%2Fdir/a", "/c/dir/%2F", "/c/dir/%2Fa"}) {
    EXPECT_EQ(resolve_script(tree.path(), *http::decode_path(raw), 3, true).found, Found::missing)
        << raw;
  }
}

TEST_F(Resolve, DirectoriesAreWalked) {
  tree.file("deep/er/a", 0755);
  EXPECT_EQ(find("deep/er/a/i").script.name, "/cgi-bin/deep/er/a");
  EXPECT_EQ(find("").found, Found::directory);
  EXPECT_EQ(find("deep").found, Found::directory);
  EXPECT_EQ(find("deep/er/").found, Found::directory);
}

TEST_F(Resolve, WholeRootAndPrefixWithoutSlash) {
  tree.file("dir/a", 0755);
  EXPECT_EQ(resolve_script(tree.path(), plain("/dir/a/b"), 0, true).script.name, "/dir/a");
  EXPECT_EQ(resolve_script(tree.path(), plain("/x/dir/a"), 2, true).script.name, "/x/dir/a");
}

TEST_F(Resolve, MissingOnesAreNamed) {
  const auto gone = find("gone");
  EXPECT_EQ(gone.found, Found::missing);
  EXPECT_EQ(gone.problem, tree.path() + "/gone does not exist");
  EXPECT_EQ(find(std::string(300, 'n')).found, Found::missing) << "past NAME_MAX";
}

TEST_F(Resolve, DotfilesNameNothing) {
  tree.file(".git/a", 0755);
  tree.file(".a", 0755);
  EXPECT_EQ(find(".a").found, Found::missing);
  EXPECT_EQ(find(".git/a").found, Found::missing);
}

TEST_F(Resolve, NotExecutableSaysWhatToDo) {
  const auto file = tree.file("a.cgi", 0644, "#!/bin/sh\n");
  const auto found = find("a.cgi");
  EXPECT_EQ(found.found, Found::forbidden);
  EXPECT_EQ(found.problem, file + " is not executable; run: chmod +x " + file);
  EXPECT_EQ(find("a.cgi", false).found, Found::program) << "an interpreter only reads it";
}

TEST_F(Resolve, NotExecutableForUs) {
  tree.file("a.cgi", 0700);
  const Unprivileged us;
  if (find("a.cgi").found == Found::program) GTEST_SKIP() << "the file is ours";
  EXPECT_THAT(find("a.cgi").problem,
              HasSubstr("is not executable for user nobody; run: chmod a+rx "));
  EXPECT_THAT(find("a.cgi", false).problem, HasSubstr("is not readable"));
}

TEST_F(Resolve, ClosedDirectoryIsForbidden) {
  tree.file("closed/a", 0755);
  tree.directory("closed", 0);
  {
    const Unprivileged us;
    const auto found = find("closed/a");
    EXPECT_EQ(found.found, Found::forbidden);
    EXPECT_THAT(found.problem, HasSubstr("may not enter "));
  }
  tree.directory("closed", 0755);
}

TEST_F(Resolve, WorldWritableDirectoryIsNoReasonToRefuse) {
  tree.file("open/a", 0755);
  tree.directory("open", 0777);
  EXPECT_EQ(find("open/a").found, Found::program);
}

TEST_F(Resolve, LinksAreFollowedOutOfTheDirectoryToo) {
  TemporaryDirectory elsewhere;
  std::filesystem::create_symlink(elsewhere.file("a", 0755), tree.path() + "/link");
  std::filesystem::create_symlink(elsewhere.path(), tree.path() + "/folder");
  EXPECT_EQ(find("link/i").script.filename, tree.path() + "/link");
  EXPECT_EQ(find("folder/a/i").script.path_info, "/i");
}

TEST_F(Resolve, LoopsAndDanglingLinksAreMissing) {
  std::filesystem::create_symlink("loop", tree.path() + "/loop");
  std::filesystem::create_symlink("gone", tree.path() + "/dangling");
  EXPECT_EQ(find("loop").found, Found::missing);
  EXPECT_EQ(find("dangling").found, Found::missing);
}

TEST_F(Resolve, SpecialFilesAreForbidden) {
  ASSERT_EQ(::mkfifo((tree.path() + "/pipe").c_str(), 0755), 0);
  EXPECT_EQ(find("pipe").found, Found::forbidden);
}

TEST_F(Resolve, NphIsInTheFilesName) {
  tree.file("nph-a", 0755);
  tree.file("nph-dir/a", 0755);
  EXPECT_TRUE(find("nph-a/x").script.nph);
  EXPECT_FALSE(find("nph-dir/a").script.nph);
}

using SingleProgram = Resolve;

TEST_F(SingleProgram, EverythingBelowThePrefixIsPathInfo) {
  const auto file = tree.file("git-http-backend", 0755);
  const auto found = single_program(file, plain("/git/repo.git/.info/refs"), 5);
  ASSERT_EQ(found.found, Found::program);
  EXPECT_EQ(found.script.name, "/git");
  EXPECT_EQ(found.script.path_info, "/repo.git/.info/refs");
  EXPECT_EQ(found.script.filename, file);
}

TEST_F(SingleProgram, AtTheRootAndAtAnExactPath) {
  const auto file = tree.file("app", 0755);
  EXPECT_EQ(single_program(file, plain("/x"), 1).script.name, "");
  EXPECT_EQ(single_program(file, plain("/x"), 1).script.path_info, "/x");
  EXPECT_EQ(single_program(file, plain("/app"), 4).script.name, "/app");
  EXPECT_EQ(single_program(file, plain("/app"), 4).script.path_info, "");
}

TEST_F(SingleProgram, MustBeAnExecutableFile) {
  EXPECT_EQ(single_program(tree.path() + "/gone", plain("/a"), 1).found, Found::missing);
  EXPECT_EQ(single_program(tree.path(), plain("/a"), 1).found, Found::forbidden);
  EXPECT_EQ(single_program(tree.file("a", 0644), plain("/a"), 1).found, Found::forbidden);
}

}  // namespace
}  // namespace cgisrv::cgi
