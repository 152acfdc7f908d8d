#include "files/listing.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>

#include "../temporary_directory.h"

namespace cgisrv::files {
namespace {

std::vector<std::string> names(const std::vector<ListingEntry>& entries) {
  std::vector<std::string> all;
  for (const auto& entry : entries)
    all.push_back(entry.name);
  return all;
}

TEST(Listing, TellsOfFilesAndDirectories) {
  TemporaryDirectory tree;
  tree.file("b", 0644, "12345");
  tree.directory("c");
  bool more = true;
  auto entries = list_directory({}, tree.path(), more);
  ASSERT_TRUE(entries);
  std::ranges::sort(*entries, {}, &ListingEntry::name);
  EXPECT_THAT(names(*entries), testing::ElementsAre("b", "c"));
  EXPECT_FALSE(entries->front().directory);
  EXPECT_EQ(entries->front().bytes, 5u);
  EXPECT_NEAR(entries->front().modified, std::time(nullptr), 5);
  EXPECT_TRUE(entries->back().directory);
  EXPECT_FALSE(more);
}

TEST(Listing, OnlyWhatWouldBeServed) {
  TemporaryDirectory tree;
  tree.file(".hidden");
  ASSERT_EQ(::mkfifo((tree.path() + "/pipe").c_str(), 0644), 0);
  std::filesystem::create_symlink("gone", tree.path() + "/dangling");
  std::filesystem::create_symlink(tree.file("file"), tree.path() + "/link");
  bool more = false;
  EXPECT_THAT(names(*list_directory({}, tree.path(), more)),
              testing::UnorderedElementsAre("file", "link"));
}

// Fault 31. What such a link leads to is 403, so that its size and date are nobody's business.
TEST(Listing, LeavesOutLinksThatMayNotBeFollowed) {
  TemporaryDirectory tree;
  std::filesystem::create_symlink(tree.file("mine", 0644, "12345"), tree.path() + "/allowed");
  std::filesystem::create_symlink("/proc/1/status", tree.path() + "/other");  // root's
  if (::geteuid() == 0) {
    ASSERT_EQ(::lchown((tree.path() + "/other").c_str(), 1234, 1234), 0);
  }
  bool more = false;
  for (const std::string end : {"", "/"}) {
    const auto listed = [&](Links links) {
      return names(*list_directory({tree.path(), links}, tree.path() + end, more));
    };
    EXPECT_THAT(listed(Links::follow), testing::UnorderedElementsAre("allowed", "mine", "other"));
    EXPECT_THAT(listed(Links::owner), testing::UnorderedElementsAre("allowed", "mine"));
    EXPECT_THAT(listed(Links::never), testing::ElementsAre("mine"));
  }
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
