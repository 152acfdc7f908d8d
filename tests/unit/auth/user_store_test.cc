#include "auth/user_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "../no_descriptors.h"
#include "../temporary_directory.h"
#include "auth/password_hash.h"
#include "base/log.h"

namespace cgisrv::auth {
namespace {

using testing::HasSubstr;

constexpr auto sha = "{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=";
constexpr auto bcrypt = "$2y$05$sqy2KDxeFERJGmD9kFei8e2oer1RniAX60BnQuX62NwuZLiMrhIde";

class UserStoreTest : public testing::Test {
 protected:
  UserStoreTest() {
    log::divert([this](log::Level, std::string_view, std::string_view text) {
      logged += std::string(text) + "\n";
    });
  }
  ~UserStoreTest() override { log::divert({}); }

  // By a new file, as whoever writes one with care does it.
  void write(const std::string& name, const std::string& text) {
    folder.file("new", 0644, text);
    std::filesystem::rename(folder.path() + "/new", folder.path() + "/" + name);
  }

  TemporaryDirectory folder;
  std::string logged;
  UserStore store;
  Options rule{.passwords = folder.path() + "/passwords"};
};

TEST_F(UserStoreTest, FindsUsersAsTheFileIsNow) {
  write("passwords", fmt::format("alice:{}\n", sha));
  EXPECT_TRUE(store.find(rule, "alice").is_known);
  EXPECT_TRUE(store.find(rule, "alice").is_listed);
  EXPECT_FALSE(store.find(rule, "bob").is_known);
  EXPECT_FALSE(store.find(rule, "bob").is_listed);
  write("passwords", fmt::format("bob:{}\n", bcrypt));
  EXPECT_FALSE(store.find(rule, "alice").is_known);
  EXPECT_EQ(store.find(rule, "bob").hash, bcrypt);
}

TEST_F(UserStoreTest, AnUnknownUserCostsAKnownOnesHash) {
  write("passwords", fmt::format("alice:{}\n", bcrypt));
  EXPECT_EQ(store.find(rule, "mallory").hash, bcrypt);
  write("passwords", "");
  EXPECT_EQ(store.find(rule, "mallory").hash, unfitting_hash());
  write("passwords", fmt::format("alice:{}\nbob:{}\n", bcrypt, sha));
  EXPECT_EQ(store.find(rule, "mallory").hash, store.find(rule, "mallory").hash);
}

TEST_F(UserStoreTest, ABrokenFileLeavesTheOldOneInService) {
  write("passwords", fmt::format("alice:{}\n", sha));
  EXPECT_TRUE(store.find(rule, "alice").is_known);
  write("passwords", fmt::format("bob:{}\nbroken\n", sha));
  EXPECT_TRUE(store.find(rule, "alice").is_known);
  EXPECT_FALSE(store.find(rule, "bob").is_known);
  EXPECT_THAT(logged, HasSubstr("passwords:2: there is no colon"));
  EXPECT_THAT(logged, HasSubstr("stays in service"));
  logged.clear();
  store.find(rule, "alice");
  EXPECT_EQ(logged, "");
  std::filesystem::remove(rule.passwords);
  EXPECT_TRUE(store.find(rule, "alice").is_known);
  EXPECT_THAT(logged, HasSubstr("cannot read"));
}

TEST_F(UserStoreTest, WithoutAnOldOneTheGoodLinesServe) {
  write("passwords", fmt::format("bob:{}\nbroken\n", sha));
  EXPECT_TRUE(store.find(rule, "bob").is_known);
  EXPECT_THAT(logged, HasSubstr("no effect"));
}

TEST_F(UserStoreTest, SaysWhyNobodyIsLetIn) {
  EXPECT_THAT(store.find(rule, "alice").problem, HasSubstr("cannot read"));
  write("passwords", fmt::format("alice:{}\n", sha));
  EXPECT_EQ(store.find(rule, "alice").problem, "");
  rule.groups = folder.path() + "/groups";
  EXPECT_THAT(store.find(rule, "alice").problem, HasSubstr("groups"));
}

TEST_F(UserStoreTest, AFileThatTheServersUserMayNotReadHasARemedy) {
  folder.file("passwords", 0600, "x");
  const Unprivileged unprivileged;
  if (::geteuid() != 65534) GTEST_SKIP() << "needs root";
  EXPECT_THAT(store.find(rule, "alice").problem, HasSubstr("chmod 640"));
}

TEST_F(UserStoreTest, WhatAShortageKeepsFromBeingReadIsTriedAgain) {
  write("passwords", fmt::format("alice:{}\n", sha));
  EXPECT_TRUE(store.find(rule, "alice").is_current);
  write("passwords", fmt::format("bob:{}\n", sha));
  {
    const NoDescriptors shortage;
    EXPECT_TRUE(store.find(rule, "alice").is_known);
    EXPECT_FALSE(store.find(rule, "alice").is_current);
  }
  EXPECT_THAT(logged, HasSubstr("stays in service"));
  EXPECT_EQ(std::ranges::count(logged, '\n'), 1);
  EXPECT_FALSE(store.find(rule, "alice").is_known);
  EXPECT_TRUE(store.find(rule, "bob").is_current);
}

TEST_F(UserStoreTest, AShortageAtTheStartKeepsNobodyOutForGood) {
  write("passwords", fmt::format("alice:{}\n", sha));
  write("groups", "staff: alice\n");
  rule.groups = folder.path() + "/groups";
  rule.users = {"@staff"};
  {
    const NoDescriptors shortage;
    store.read(rule);
    EXPECT_THAT(store.find(rule, "alice").problem, HasSubstr("cannot read"));
  }
  EXPECT_EQ(store.find(rule, "alice").problem, "");
  EXPECT_TRUE(store.find(rule, "alice").is_listed);
  write("groups", "staff: bob\n");
  {
    const NoDescriptors shortage;
    EXPECT_FALSE(store.find(rule, "alice").is_current);
  }
  EXPECT_FALSE(store.find(rule, "alice").is_listed);
}

TEST_F(UserStoreTest, KnowsGroups) {
  write("passwords", fmt::format("alice:{0}\nbob:{0}\n", sha));
  write("groups", "staff: alice\n");
  rule.groups = folder.path() + "/groups";
  rule.users = {"@staff"};
  EXPECT_TRUE(store.find(rule, "alice").is_listed);
  EXPECT_TRUE(store.find(rule, "bob").is_known);
  EXPECT_FALSE(store.find(rule, "bob").is_listed);
  write("groups", "staff: bob\n");
  EXPECT_FALSE(store.find(rule, "alice").is_listed);
  EXPECT_TRUE(store.find(rule, "bob").is_listed);
}

TEST_F(UserStoreTest, KnowsTheUserOfDirectoryMode) {
  const Options only{.entry = fmt::format("alice:{}", sha)};
  EXPECT_TRUE(store.find(only, "alice").is_listed);
  EXPECT_FALSE(store.find(only, "bob").is_known);
}

}  // namespace
}  // namespace cgisrv::auth
