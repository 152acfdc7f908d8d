#include <gmock/gmock.h>

#include <filesystem>

#include "../temporary_directory.h"
#include "base/check.h"
#include "config/config.h"
#include "site/access_rules.h"
#include "site/locate.h"

namespace cgisrv::site {
namespace {

class PasswordRuleTest : public testing::Test {
 protected:
  PasswordRuleTest() {
    site = &config.sites.emplace_back();
    site->root = site->real_root = std::filesystem::canonical(folder.directory("www"));
    site->fallback.match = {config::MatchKind::prefix, "/"};
  }
  config::Location& add(config::MatchKind kind, std::string text, std::string realm) {
    config::Location& location = site->locations.emplace_back();
    location.match = {kind, std::move(text)};
    if (!realm.empty()) location.access.auth = {.is_open = realm == "open", .realm = realm};
    return location;
  }
  // The realms of those rules that hold, one after the other.
  std::string realms(std::string_view raw, const config::Site* at = nullptr) const {
    const auto path = http::decode_path(raw);
    CGISRV_CHECK(path);
    const config::Site& asked = at != nullptr ? *at : *site;
    std::string found;
    const Located located = locate(config, asked, *path, access::Peer());
    for (const auto* rule : password_rules_for(config, asked, *path, located))
      found += rule->realm + " ";
    return found;
  }

  TemporaryDirectory folder;
  config::Config config;
  config::Site* site;
};

TEST_F(PasswordRuleTest, NobodyIsAskedWhereNothingIsSaid) {
  add(config::MatchKind::prefix, "/a/", "");
  EXPECT_EQ(realms("/a/b"), "");
}

TEST_F(PasswordRuleTest, TheLongestPrefixDecidesAndMayOpen) {
  site->access.auth = {.realm = "site"};
  add(config::MatchKind::prefix, "/a/", "a");
  add(config::MatchKind::prefix, "/a/b/", "open");
  add(config::MatchKind::exact, "/a/b/c", "c");
  EXPECT_EQ(realms("/x"), "site ");
  EXPECT_EQ(realms("/a/x"), "a ");
  EXPECT_EQ(realms("/a"), "a ");
  EXPECT_EQ(realms("/a%2Fx"), "a ");
  EXPECT_EQ(realms("/a/b/x"), "");
  EXPECT_EQ(realms("/a/b/c"), "c ");
}

TEST_F(PasswordRuleTest, AnEndingOpensNothingAndAsksBesides) {
  add(config::MatchKind::prefix, "/a/", "a");
  config::Location& ending = add(config::MatchKind::extension, ".cgi", "open");
  EXPECT_EQ(realms("/a/x.cgi"), "a ");
  EXPECT_EQ(realms("/x.cgi"), "");
  ending.access.auth = {.realm = "cgi"};
  EXPECT_EQ(realms("/a/x.cgi"), "cgi a ");
  EXPECT_EQ(realms("/x.cgi/info"), "cgi ");
}

TEST_F(PasswordRuleTest, APathMayNeedMoreThanItsFolder) {
  site->access.auth = {.realm = "site"};
  add(config::MatchKind::prefix, "/a/", "a");
  add(config::MatchKind::exact, "/open", "open");
  const std::vector<const auth::Options*> none, all = {&*site->access.auth};
  EXPECT_TRUE(needs_another_password(*site, "/x", none, {}));
  EXPECT_FALSE(needs_another_password(*site, "/x", all, {}));
  EXPECT_TRUE(needs_another_password(*site, "/a/", all, {}));
  EXPECT_FALSE(needs_another_password(*site, "/open", none, {}));
}

TEST_F(PasswordRuleTest, AListingNamesWhatItsReaderNeedsNoPasswordFor) {
  add(config::MatchKind::prefix, "/near/", "near").access.auth->open_to.add("local");
  add(config::MatchKind::prefix, "/read/", "read").access.auth->open_methods = {"GET"};
  const auto stranger = access::Peer::of(*access::Ip::parse("192.0.2.7"));
  EXPECT_FALSE(needs_another_password(*site, "/near/", {}, access::Peer::local()));
  EXPECT_TRUE(needs_another_password(*site, "/near/", {}, stranger));
  EXPECT_FALSE(needs_another_password(*site, "/read/", {}, stranger));
}

// Every rule of a path asks by itself: one that is open to a client opens no other.
TEST_F(PasswordRuleTest, WhoIsAsked) {
  const auto near = *access::Peer::parse("192.0.2.7");
  const auto far = *access::Peer::parse("198.51.100.7");
  auth::Options rule;
  EXPECT_TRUE(rule.asks(access::Peer::local(), "GET"));
  EXPECT_EQ(rule.open_to.add("192.0.2.0/24"), "");
  for (const auto* method : {"GET", "POST", "X-ANY"}) {
    EXPECT_FALSE(rule.asks(near, method)) << method;
    EXPECT_TRUE(rule.asks(far, method)) << method;
    EXPECT_TRUE(rule.asks({}, method)) << "a client without an address";
  }
  rule.open_methods = {"GET", "REPORT"};
  for (const auto* method : {"GET", "HEAD", "REPORT"})
    EXPECT_FALSE(rule.asks(far, method)) << method;
  for (const auto* method : {"POST", "PUT", "OPTIONS", "get", "GETS", "", "X-ANY", "PROPFIND"})
    EXPECT_TRUE(rule.asks(far, method)) << method;
  rule.open_methods = {"OPTIONS"};
  EXPECT_TRUE(rule.asks(far, "HEAD"));
  rule = {.is_open = true};
  EXPECT_FALSE(rule.asks(far, "POST"));
}

TEST_F(PasswordRuleTest, AnIndexHasTheRuleOfItsOwnPath) {
  folder.file("www/a/index.html");
  add(config::MatchKind::exact, "/a/index.html", "index");
  EXPECT_EQ(realms("/a/"), "index ");
  EXPECT_EQ(realms("/a/x"), "");
}

TEST_F(PasswordRuleTest, AFileHasTheRulesOfItsOtherPaths) {
  folder.file("www/a/page");
  std::filesystem::create_symlink("a/page", folder.path() + "/www/link");
  add(config::MatchKind::prefix, "/a/", "a");
  EXPECT_EQ(realms("/link"), "a ");
  config::Site other;
  other.root = other.real_root = std::filesystem::canonical(folder.path());
  other.fallback.match = {config::MatchKind::prefix, "/"};
  EXPECT_EQ(realms("/www/a/page", &other), "a ");
  other.access.auth = {.is_open = true};
  EXPECT_EQ(realms("/www/a/page", &other), "") << "somebody has decided";
}

}  // namespace
}  // namespace cgisrv::site
