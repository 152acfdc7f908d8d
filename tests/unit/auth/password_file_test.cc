#include "auth/password_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgisrv::auth {
namespace {

using testing::HasSubstr;

constexpr std::string_view sha = "{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=";

std::string line(std::string_view user, std::string_view rest = "") {
  return std::string(user).append(":").append(sha).append(rest).append("\n");
}

TEST(PasswordFile, ReadsLinesCommentsAndRemarks) {
  const auto file = parse_password_file("# staff\n\n" + line("alice") + line("Bob B", ":a remark") +
                                        line("carol", "\r"));
  EXPECT_TRUE(file.faults.empty());
  ASSERT_EQ(file.users.size(), 3U);
  EXPECT_EQ(file.users.at("Bob B").hash, sha);
  EXPECT_EQ(file.users.at("carol").hash, sha);
  EXPECT_EQ(file.users.at("alice").line, 3U);
}

TEST(PasswordFile, NamesEachFaultWithItsLine) {
  const auto file = parse_password_file(line("alice") + "bob\n:x\ncarol:secret\n" + line("alice") +
                                        line("d\tx") + line("erin"));
  ASSERT_EQ(file.faults.size(), 5U);
  EXPECT_EQ(file.faults[0].line, 2U);
  EXPECT_THAT(file.faults[0].what, HasSubstr("no colon"));
  EXPECT_THAT(file.faults[1].what, HasSubstr("empty"));
  EXPECT_THAT(file.faults[2].what, HasSubstr("carol"));
  EXPECT_THAT(file.faults[2].what, HasSubstr("not hashed"));
  EXPECT_THAT(file.faults[2].what, testing::Not(HasSubstr("secret")));
  EXPECT_THAT(file.faults[3].what, HasSubstr("line 1 already"));
  EXPECT_THAT(file.faults[4].what, HasSubstr("control character"));
  EXPECT_EQ(file.users.size(), 2U);
  EXPECT_EQ(fault_text("/etc/p", file.faults[0]).substr(0, 9), "/etc/p:2:");
}

TEST(PasswordFile, RefusesNamesThatNoFileCanHold) {
  for (const std::string name : {"", "a:b", "a\nb", "#a"})
    EXPECT_NE(check_user_name(name), "") << name;
  EXPECT_NE(check_user_name(std::string(256, 'a')), "");
  EXPECT_EQ(check_user_name("Zo\xc3\xab K."), "");
}

TEST(PasswordFile, ReplacesAUsersLineAlone) {
  EXPECT_EQ(with_entry("", "alice", "h"), "alice:h\n");
  EXPECT_EQ(with_entry("# c\nalice:old:remark\nbob:b", "alice", "h"), "# c\nalice:h\nbob:b");
  EXPECT_EQ(with_entry("bob:b", "alice", "h"), "bob:b\nalice:h\n");
  EXPECT_EQ(with_entry("alice:1\nalice:2\n", "alice", "h"), "alice:h\n");
  EXPECT_EQ(with_entry("alicex:1\n", "alice", "h"), "alicex:1\nalice:h\n");
}

TEST(PasswordFile, RemovesAUsersLinesAlone) {
  EXPECT_EQ(without_entry("a:1\nb:2\na:3\nab:4\n", "a"), "b:2\nab:4\n");
  EXPECT_EQ(without_entry("b:2", "a"), "b:2");
}

}  // namespace
}  // namespace cgisrv::auth
