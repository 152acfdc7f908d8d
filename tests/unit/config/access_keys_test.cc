// Who is asked for a password and who is not, and what a location lists.
#include <gmock/gmock.h>

#include "config_fixture.h"

namespace cgisrv::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AccessKeysTest : public ConfigTest {
 protected:
  AccessKeysTest() { files_.file("passwords", 0640, "alice:{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=\n"); }
  static std::string auth(std::string_view keys) {
    return fmt::format("match = '/a/'\nauth = {{ passwords = 'passwords', {} }}", keys);
  }
};

TEST_F(AccessKeysTest, WhoIsNotAsked) {
  const auto rule =
      with_location(auth("open_to = ['local', '192.0.2.0/24'], open_methods = ['GET', 'PROPFIND']"))
          .access.auth;
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->open_to.text(), R"(["local", "192.0.2.0/24"])");
  EXPECT_THAT(rule->open_methods, ElementsAre("GET", "PROPFIND"));
}

TEST_F(AccessKeysTest, EverybodyIsAskedUnlessSomethingIsSaid) {
  const auto rule = with_location(auth("realm = 'x'")).access.auth;
  ASSERT_TRUE(rule);
  EXPECT_TRUE(rule->open_to.empty());
  EXPECT_THAT(rule->open_methods, IsEmpty());
}

TEST_F(AccessKeysTest, MistakesHaveARemedy) {
  EXPECT_THAT(location_faults(auth("open_to = ['all']")),
              ElementsAre(HasSubstr("'open_to': nobody would be asked; write auth = false")));
  EXPECT_THAT(location_faults(auth("open_to = ['10.0.0.1/8']")),
              ElementsAre(HasSubstr("write \"10.0.0.0/8\" for the network")));
  EXPECT_THAT(location_faults(auth("open_to = 'local'")),
              ElementsAre(HasSubstr("'open_to' must be a list of addresses")));
  EXPECT_THAT(location_faults(auth("open_methods = ['get']")),
              ElementsAre(HasSubstr("'open_methods': get is no method that is known here; write it "
                                    "in capitals")));
  EXPECT_THAT(location_faults(auth("open_methods = ['GTE', '']")),
              ElementsAre(HasSubstr("GTE is no method that is known here; write \"GET\""),
                          HasSubstr("\"\" is no method")));
}

TEST_F(AccessKeysTest, ALocationListsAsItsSiteDoesUnlessItSaysSo) {
  const Config config = good(
      "[[site]]\nroot = 'www'\n[[site.location]]\nmatch = '/a/'\n"
      "[[site.location]]\nmatch = '/b/'\nlisting = true\n"
      "[[site.location]]\nmatch = '/c/'\nlisting = false\n");
  const auto& locations = config.sites.at(0).locations;
  EXPECT_EQ(locations.at(0).listing, std::nullopt);
  EXPECT_EQ(locations.at(1).listing, true);
  EXPECT_EQ(locations.at(2).listing, false);
  EXPECT_THAT(location_faults("match = '/a/'\nlisting = 'yes'"),
              ElementsAre(HasSubstr("'listing' must be true or false")));
}

TEST_F(AccessKeysTest, TheFilesOfAllRulesAreKnown) {
  files_.file("groups", 0640, "staff: alice\n");
  const Config config = good(
      "[[site]]\nroot = 'www'\nauth = { passwords = 'passwords' }\n[[site.location]]\n"
      "match = '/a/'\nauth = { passwords = 'passwords', groups = 'groups' }\n"
      "[[site.location]]\nmatch = '/b/'\nauth = false\n");
  EXPECT_THAT(config.password_files, ElementsAre(path("groups"), path("passwords")));
}

TEST_F(AccessKeysTest, DeadlinesThatAreNeverReachedAreNoted) {
  const std::string file = path("test.toml");
  EXPECT_THAT(with_site("[cgi]\nheader_timeout = '2m'\ntimeout = '1m'").notes,
              ElementsAre(file + ":2: 'header_timeout' has no effect: 'timeout' ends the program "
                                 "before, after 1m"));
  EXPECT_THAT(with_site("[cgi]\nheader_timeout = 'unlimited'\ntimeout = '1m'").notes, IsEmpty());
  EXPECT_THAT(with_site("[cgi]\ntimeout = '1s'").notes, IsEmpty()) << "the others are defaults";
  const Config config =
      good("[[site]]\nroot = 'www'\n[[site.location]]\nmatch = '/a/'\nidle_timeout = '11m'\n");
  EXPECT_THAT(config.notes, ElementsAre(HasSubstr(":5: 'idle_timeout' has no effect")));
}

}  // namespace
}  // namespace cgisrv::config
