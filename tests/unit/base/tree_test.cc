#include "base/tree.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "../temporary_directory.h"

namespace cgisrv {
namespace {

using std::filesystem::create_symlink;

class TreeTest : public testing::Test {
 protected:
  TreeTest() {
    inside.file("folder/file", 0644, "inside");
    outside.file("file", 0644, "outside");
    create_symlink("folder/file", inside.path() + "/link");
    create_symlink("folder", inside.path() + "/alias");
    create_symlink(outside.path(), inside.path() + "/out");
  }
  // The bytes of a file below, or the errno value that keeps it closed.
  std::string read(std::string_view below, Links links) {
    const auto file = Tree{root, links}.open(root + std::string(below), O_RDONLY);
    if (!file) return errno_text(file.error().code);
    std::array<char, 100> text{};
    const auto size = ::read(file->get(), text.data(), text.size());
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }
  int examine(std::string_view below, Links links) {
    struct stat status {};
    return Tree{root, links}.examine(root + std::string(below), status);
  }
  TemporaryDirectory inside, outside;
  std::string root = inside.path();
};

TEST_F(TreeTest, WhatHasNoLinkIsOpenUnderEveryRule) {
  for (const Links links : {Links::follow, Links::owner, Links::never}) {
    EXPECT_EQ(read("/folder/file", links), "inside");
    EXPECT_EQ(examine("/folder", links), 0);
    EXPECT_EQ(examine("/", links), 0);
    EXPECT_EQ(examine("", links), 0);
    EXPECT_EQ(examine("/gone", links), ENOENT);
    EXPECT_EQ(examine("/folder/file/below", links), ENOTDIR);
  }
}

// What is looked at is opened at the same time, and its name is then known to be the real one.
TEST_F(TreeTest, ALookOpensAFileThatNoLinkLeadsTo) {
  for (const Links links : {Links::follow, Links::owner, Links::never}) {
    const Tree tree{root, links};
    Seen seen;
    EXPECT_EQ(tree.look(root + "/folder/file", seen), 0);
    EXPECT_TRUE(seen.fd && seen.is_real);
    EXPECT_EQ(seen.status.st_size, 6);
    EXPECT_EQ(real_name("/as/it/was/said", seen), "/as/it/was/said") << "asks nobody";
  }
  Seen seen;
  EXPECT_EQ(Tree{root}.look(root + "/link", seen), 0);
  EXPECT_FALSE(seen.fd || seen.is_real);
  EXPECT_EQ(seen.status.st_size, 6);
  EXPECT_EQ(real_name(root + "/link", seen), real_path(root) + "/folder/file");
  std::filesystem::remove(root + "/link");
  EXPECT_EQ(real_name(root + "/link", seen), real_path(root) + "/folder/file") << "asked once";
  EXPECT_EQ(Tree{root}.look(root + "/gone", seen), ENOENT);
}

TEST_F(TreeTest, ALookOpensNothingButFiles) {
  ASSERT_EQ(::mkfifo((root + "/pipe").c_str(), 0600), 0);
  for (const auto* below : {"/pipe", "/folder", "//folder/file", "/folder/../folder/file"}) {
    Seen seen;
    EXPECT_EQ(Tree{root}.look(root + below, seen), 0);
    EXPECT_FALSE(seen.fd || seen.is_real) << below;
  }
}

TEST_F(TreeTest, ALookInsideFollowsLinksAsTheRulesSay) {
  Seen seen;
  EXPECT_EQ(Tree{root}.look_inside(root + "/alias/file", seen), 0);
  EXPECT_TRUE(seen.fd && !seen.is_real);
  const Tree without_links{root, Links::never};
  Seen never;
  EXPECT_EQ(without_links.look_inside(root + "/alias/file", never), ELOOP);
  EXPECT_EQ(without_links.look_inside(root + "/folder/file", never), 0);
  EXPECT_TRUE(never.fd && never.is_real);
  EXPECT_EQ(Tree{root}.look_inside(root + "/gone", never), ENOENT);
}

TEST_F(TreeTest, FollowLeadsAnywhere) {
  EXPECT_EQ(read("/link", Links::follow), "inside");
  EXPECT_EQ(read("/out/file", Links::follow), "outside");
}

TEST_F(TreeTest, NeverIsForLinksAnywhereInThePath) {
  for (const auto* below : {"/link", "/alias/file", "/out/file", "/alias"})
    EXPECT_EQ(read(below, Links::never), errno_text(ELOOP)) << below;
}

TEST_F(TreeTest, OwnerFollowsOnesOwn) {
  EXPECT_EQ(read("/link", Links::owner), "inside");
  EXPECT_EQ(read("/alias/file", Links::owner), "inside");
  EXPECT_EQ(read("/out/file", Links::owner), "outside");
}

TEST_F(TreeTest, OwnerDoesNotFollowAStrangers) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  ASSERT_EQ(::lchown((root + "/link").c_str(), 12345, 12345), 0);
  ASSERT_EQ(::lchown((root + "/out").c_str(), 12345, 12345), 0);
  EXPECT_EQ(examine("/link", Links::owner), ELOOP);
  EXPECT_EQ(examine("/out/file", Links::owner), ELOOP);
  EXPECT_EQ(examine("/alias/file", Links::owner), 0);
}

TEST_F(TreeTest, TheRootMayBeALinkItself) {
  create_symlink(root, outside.path() + "/root");
  root = outside.path() + "/root";
  EXPECT_EQ(read("/folder/file", Links::never), "inside");
}

TEST_F(TreeTest, RealPathIsThatOfRealpath) {
  for (const char* const below :
       {"", "/", "/folder", "/folder/", "/folder/file", "/link", "/alias", "/alias/file",
        "/out/file", "//folder/file", "/./folder", "/folder/.", "/folder/..", "/folder/../link",
        "/none", "/folder/file/none", "/alias/none"}) {
    const std::string path = root + below;
    std::array<char, PATH_MAX> expected{};
    const bool is_there = ::realpath(path.c_str(), expected.data()) != nullptr;
    const int problem = errno;
    EXPECT_EQ(real_path(path), is_there ? expected.data() : "") << path;
    if (!is_there) {
      EXPECT_EQ(errno, problem) << path;
    }
  }
}

TEST_F(TreeTest, PlaceNamesTheFileItself) {
  for (const auto* below : {"/folder/file", "/link", "/alias/file"}) {
    const auto place = Tree{root, Links::owner}.resolve(root + below);
    ASSERT_TRUE(place) << place.error().what;
    EXPECT_EQ(place->name, "file");
    struct stat status {
    }, expected{};
    ASSERT_EQ(::fstatat(place->directory.get(), "file", &status, AT_SYMLINK_NOFOLLOW), 0);
    ASSERT_EQ(::stat((root + "/folder/file").c_str(), &expected), 0);
    EXPECT_EQ(status.st_ino, expected.st_ino);
  }
  EXPECT_EQ((Tree{root, Links::never}.resolve(root + "/link").error().code), ELOOP);
}

}  // namespace
}  // namespace cgisrv
