#include "files/listing.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "../temporary_directory.h"

namespace cgisrv::files {
namespace {

std::vector<std::string> names(const std::vector<ListingEntry>& entries) {
  std::vector<std::string> all;
  for (const auto& entry : entries)
    all.push_back(entry.name);
  return all;
}

std::vector<ListingEntry> read_all(DirectoryReader& reader) {
  std::vector<ListingEntry> all;
  std::optional<ListingEntry> entry;
  while (reader.read(entry))
    if (entry) all.push_back(std::move(*entry));
  return all;
}

Result<DirectoryReader> open(const Tree& tree, const std::string& directory) {
  return DirectoryReader::of(Fd(::open(directory.c_str(), O_RDONLY)), tree, directory);
}

std::vector<ListingEntry> read_all(const Tree& tree, const std::string& directory) {
  auto reader = open(tree, directory);
  EXPECT_TRUE(reader);
  return reader ? read_all(*reader) : std::vector<ListingEntry>();
}

TEST(Listing, TellsOfFilesAndDirectories) {
  TemporaryDirectory tree;
  tree.file("b", 0644, "12345");
  tree.directory("c");
  auto entries = read_all({}, tree.path());
  std::ranges::sort(entries, {}, &ListingEntry::name);
  ASSERT_THAT(names(entries), testing::ElementsAre("b", "c"));
  EXPECT_FALSE(entries.front().directory);
  EXPECT_EQ(entries.front().bytes, 5u);
  EXPECT_NEAR(entries.front().modified, std::time(nullptr), 5);
  EXPECT_TRUE(entries.back().directory);
}

TEST(Listing, OnlyWhatWouldBeServed) {
  TemporaryDirectory tree;
  tree.file(".hidden");
  ASSERT_EQ(::mkfifo((tree.path() + "/pipe").c_str(), 0644), 0);
  std::filesystem::create_symlink("gone", tree.path() + "/dangling");
  std::filesystem::create_symlink(tree.file("file"), tree.path() + "/link");
  EXPECT_THAT(names(read_all({}, tree.path())), testing::UnorderedElementsAre("file", "link"));
}

// Fault 31. What such a link leads to is 403, so that its size and date are nobody's business.
TEST(Listing, LeavesOutLinksThatMayNotBeFollowed) {
  TemporaryDirectory tree;
  std::filesystem::create_symlink(tree.file("mine", 0644, "12345"), tree.path() + "/allowed");
  std::filesystem::create_symlink("/proc/1/status", tree.path() + "/other");  // root's
  if (::geteuid() == 0) {
    ASSERT_EQ(::lchown((tree.path() + "/other").c_str(), 1234, 1234), 0);
  }
  for (const std::string end : {"", "/"}) {
    const auto listed = [&](Links links) {
      return names(read_all({tree.path(), links}, tree.path() + end));
    };
    EXPECT_THAT(listed(Links::follow), testing::UnorderedElementsAre("allowed", "mine", "other"));
    EXPECT_THAT(listed(Links::owner), testing::UnorderedElementsAre("allowed", "mine"));
    EXPECT_THAT(listed(Links::never), testing::ElementsAre("mine"));
  }
}

TEST(Listing, StopsAtItsLimit) {
  TemporaryDirectory tree;
  constexpr auto most = DirectoryReader::entries_max;
  for (std::size_t i = 0; i < most; ++i)
    tree.file(std::to_string(i), 0644, "");
  for (const bool is_cut : {false, true}) {
    auto reader = open({}, tree.path());
    ASSERT_TRUE(reader);
    EXPECT_EQ(read_all(*reader).size(), most);
    EXPECT_EQ(reader->is_cut(), is_cut);
    tree.file("one-more");
  }
}

TEST(Listing, FailureSaysWhy) {
  TemporaryDirectory tree;
  const auto reader = open({}, tree.file("file"));
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ENOTDIR);
  EXPECT_EQ(reader.error().what, "cannot list " + tree.path() + "/file: Not a directory");
}

}  // namespace
}  // namespace cgisrv::files
