#include "files/listing.h"

#include <gmock/gmock.h>

#include "../temporary_directory.h"

namespace cgisrv::files {
namespace {

std::vector<std::string> names(const std::vector<Entry>& entries) {
  std::vector<std::string> all;
  for (const auto& entry : entries)
    all.push_back(entry.name);
  return all;
}

TEST(Listing, DirectoriesFirstThenByName) {
  TemporaryDirectory tree;
  tree.file("b", 0644, "12345");
  tree.file("a");
  tree.directory("z");
  tree.directory("c");
  bool more = true;
  const auto entries = list_directory({}, tree.path(), more);
  ASSERT_TRUE(entries);
  EXPECT_THAT(names(*entries), testing::ElementsAre("c", "z", "a", "b"));
  EXPECT_TRUE(entries->front().directory);
  EXPECT_EQ(entries->back().bytes, 5u);
  EXPECT_NEAR(entries->back().modified, std::time(nullptr), 5);
  EXPECT_FALSE(more);
}

TEST(Listing, OnlyWhatWouldBeServed) {
  TemporaryDirectory tree;
  tree.file(".hidden");
  ASSERT_EQ(::mkfifo((tree.path() + "/pipe").c_str(), 0644), 0);
  std::filesystem::create_symlink("gone", tree.path() + "/dangling");
  std::filesystem::create_symlink(tree.file("file"), tree.path() + "/link");
  bool more = false;
  EXPECT_THAT(names(*list_directory({}, tree.path(), more)), testing::ElementsAre("file", "link"));
}

TEST(Listing, StopsAtItsLimit) {
  TemporaryDirectory tree;
  for (std::size_t i = 0; i < entries_max; ++i)
    tree.file(std::to_string(i), 0644, "");
  bool more = false;
  EXPECT_EQ(list_directory({}, tree.path(), more)->size(), entries_max);
  EXPECT_FALSE(more);
  tree.file("one-more");
  EXPECT_EQ(list_directory({}, tree.path(), more)->size(), entries_max);
  EXPECT_TRUE(more);
}

TEST(Listing, FailureSaysWhy) {
  bool more = false;
  const auto entries = list_directory({}, "/nonexistent", more);
  ASSERT_FALSE(entries);
  EXPECT_EQ(entries.error().code, ENOENT);
  EXPECT_EQ(entries.error().what, "cannot list /nonexistent: No such file or directory");
}

}  // namespace
}  // namespace cgisrv::files
