#include "auth/group_file.h"

#include <gtest/gtest.h>

namespace cgisrv::auth {
namespace {

TEST(GroupFile, ReadsGroupsOverSeveralLines) {
  const auto file = parse_group_file("# who\nstaff: alice  bob\nadmins:carol\r\nstaff:\tdave\n\n");
  EXPECT_TRUE(file.faults.empty());
  EXPECT_EQ(file.members.at("staff"), (std::set<std::string, std::less<>>{"alice", "bob", "dave"}));
  EXPECT_TRUE(file.members.at("admins").contains("carol"));
}

TEST(GroupFile, NamesFaults) {
  const auto file = parse_group_file("staff alice\n: bob\nx: a\x01\nstaff: alice\n");
  ASSERT_EQ(file.faults.size(), 3U);
  EXPECT_EQ(file.faults[2].line, 3U);
  EXPECT_EQ(file.members.size(), 1U);
}

TEST(GroupFile, TellsWhoIsListed) {
  const auto file = parse_group_file("staff: alice bob\nalice: mallory\n");
  EXPECT_TRUE(is_listed("anybody", {}, file));
  EXPECT_TRUE(is_listed("alice", {"@staff"}, file));
  EXPECT_TRUE(is_listed("carol", {"@staff", "carol"}, file));
  EXPECT_FALSE(is_listed("mallory", {"@staff", "alice"}, file));
  EXPECT_FALSE(is_listed("alice", {"@none"}, file));
  EXPECT_FALSE(is_listed("@staff", {"@staff"}, file));
}

}  // namespace
}  // namespace cgisrv::auth
