#include "site/own_names.h"

#include <gmock/gmock.h>

namespace cgisrv::site {
namespace {

using testing::Contains;
using testing::Not;

constexpr std::string_view hosts_file =
    "127.0.0.1 localhost\n"
    "127.0.1.1\tDev.example.org dev  # us\n"
    "# 127.0.0.1 commented.example\n"
    "::1 ip6-localhost\n"
    "127.0.0.1 shop.test api.shop.test\n"
    "192.0.2.1 elsewhere.example\n"
    "192.0.2.7 dev.lan.example dev";

// Fault 13.
TEST(OwnNames, AreWhatTheMachineSaysOfItself) {
  const auto names = own_names("dev", hosts_file, "nameserver 192.0.2.53\nsearch corp.example\n");
  for (const auto* name : {"dev", "dev.local", "dev.example.org", "shop.test", "api.shop.test",
                           "dev.lan.example", "dev.corp.example"})
    EXPECT_THAT(names, Contains(name));
  for (const auto* name : {"commented.example", "elsewhere.example", "#", "us", "127.0.0.1"})
    EXPECT_THAT(names, Not(Contains(name)));
  EXPECT_THAT(own_names("Dev.Example.ORG", "", ""), Contains("dev.example.org"));
  EXPECT_TRUE(own_names("", "", "search corp.example").empty());
}

TEST(OwnNames, MeanThisMachineAlone) {
  const auto own = own_names("dev", hosts_file, "");
  for (const auto* host : {"localhost", "LOCALHOST.", "a.b.localhost", "127.0.0.1", "127.9.9.9",
                           "[::1]", "dev", "Shop.Test"})
    EXPECT_TRUE(means_this_machine(own, host)) << host;
  for (const auto* host : {"192.0.2.1", "intranet", "evil.example", "127.0.0.1.evil.example",
                           "localhost.evil.example", "127.evil.example", "127.1"})
    EXPECT_FALSE(means_this_machine(own, host)) << host;
}

// Fault 13.
TEST(OwnNames, WhatNobodyElseCanHaveIsSafe) {
  const auto own = own_names("dev", hosts_file, "");
  for (const auto* host : {"192.0.2.1", "[2001:db8::1]", "intranet", "shop.test", "localhost"})
    EXPECT_TRUE(is_safe_host(own, {}, host)) << host;
  for (const auto* host : {"evil.example", "127.1.evil.example", "127.1", "elsewhere.example"})
    EXPECT_FALSE(is_safe_host(own, {}, host)) << host;
  EXPECT_TRUE(is_safe_host(own, {"*.example"}, "evil.example."));
  EXPECT_TRUE(is_safe_host(own, {"a.example"}, "A.example"));
  EXPECT_FALSE(is_safe_host(own, {"a.example"}, "b.a.example"));
  EXPECT_TRUE(is_safe_host(own, {"*"}, "b.a.example"));
}

}  // namespace
}  // namespace cgisrv::site
