// What is said of values that mean something else than they say.
#include <gmock/gmock.h>

#include "config_fixture.h"

namespace cgisrv::config {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using ConfigAdviceTest = ConfigTest;

TEST_F(ConfigAdviceTest, RefusesAProgramBesideARedirect) {
  EXPECT_THAT(location_faults("match = '/a/'\nredirect = '/x/'\ncgi = true"),
              ElementsAre(HasSubstr("'cgi' has no effect where 'redirect' answers")));
  EXPECT_THAT(location_faults("match = '/a/'\nredirect = '/x/'\ncgi = false"), ElementsAre());
}

TEST_F(ConfigAdviceTest, TellsOfQuotesThatDoNotBelongThere) {
  EXPECT_THAT(location_faults("match = '/a/'\ncgi = 'true'"),
              ElementsAre(HasSubstr("'cgi' must be true, false, or the path of a program or a "
                                    "directory of them; write true without quotes")));
  EXPECT_THAT(location_faults("match = '/a/'\ncgi = 'false'"),
              ElementsAre(HasSubstr("write false without quotes")));
  EXPECT_THAT(location_faults("match = '/a/'\ndeny = 'true'"),
              ElementsAre(HasSubstr("write true without quotes")));
  EXPECT_THAT(faults_before_site("[server]\nworkers = '4'"),
              ElementsAre(HasSubstr("write 4 without quotes")));
}

TEST_F(ConfigAdviceTest, ShowsATableWhereSomethingElseStands) {
  EXPECT_THAT(
      location_faults("match = '/a/'\nredirect = [301, '/x']"),
      ElementsAre(HasSubstr("'redirect' must be a path in quotes, or a table such as { to = "
                            "\"/new/\", status = 301 }; it is ")));
  EXPECT_THAT(location_faults("match = '/a/'\nredirect = ''"),
              ElementsAre(HasSubstr("'redirect' must be a text in quotes")));
  EXPECT_THAT(faults("[log]\naccess = ''\n[[site]]\nroot = '.'"),
              ElementsAre(HasSubstr("'access' must be a path in quotes")));
  EXPECT_THAT(location_faults("match = '/a/'\nauth = true"),
              ElementsAre(HasSubstr("'auth' must be a table such as { passwords = \"/path\" }, or "
                                    "false; it is true")));
}

TEST_F(ConfigAdviceTest, KnowsWhatOtherKeysMeanInALocation) {
  EXPECT_THAT(
      location_faults("path = '/cgi-bin/'"),
      Contains(HasSubstr("there is no 'path' in [[site.location]]; did you mean 'match'?")));
  EXPECT_THAT(location_faults("match = '/a/'\nuser = 'bob'"),
              ElementsAre(HasSubstr("programs run as user under [server]")));
  EXPECT_THAT(location_faults("match = '/a/'\nallow = ['localhost']"),
              ElementsAre(HasSubstr("did you mean \"local\"?")));
  EXPECT_THAT(location_faults("match = '/a/'\nOptions = 'Indexes'"),
              ElementsAre(HasSubstr("write listing = true for Indexes")));
}

TEST_F(ConfigAdviceTest, ProposesNoOtherLocationWithinOne) {
  const std::pair<const char*, const char*> keys[] = {
      {"alias", "write files = \"/path/\" in its place"},
      {"docroot", "write files = \"/path/\" in its place"},
      {"AliasMatch", "and files = \"/home/{1}/public_html/{2}\" in its place"},
      {"ScriptAlias", "write cgi = \"/path/\" in its place"},
      {"fastcgi_pass", "write fastcgi = \"unix:/path\" in its place"},
      {"scgi_pass", "write scgi = \"unix:/path\" in its place"},
      {"return", "write redirect = { to = \"/new/\", status = 301 } in its place"},
      {"try_files", "write redirect = \"/new\", or try = "},
      {"AddHandler", "write cgi = true in its place"},
      {"Deny", "write deny = true"}};
  for (const auto& [key, advice] : keys)
    EXPECT_THAT(
        location_faults(fmt::format("match = '/a/'\n{} = '/x/'", key)),
        ElementsAre(AllOf(HasSubstr(advice), testing::Not(HasSubstr("write [[site.location]]")))))
        << key;
}

TEST_F(ConfigAdviceTest, KnowsHowOthersCallAProtocol) {
  const auto said_of = [&](const std::string& keys) {
    return faults_before_site("[[listen]]\n" + keys);
  };
  const std::pair<const char*, const char*> protocols[] = {
      {"fcgi", "'protocol': there is no \"fcgi\" here; did you mean \"fastcgi\"?"},
      {"FCGI", "did you mean \"fastcgi\"?"},
      {"fast-cgi", "did you mean \"fastcgi\"?"},
      {"fastcg", "did you mean \"fastcgi\"?"},
      {"sgci", "did you mean \"scgi\"?"},
      {"cgi", "write \"fastcgi\" if a web server passes requests on, or else \"http\""},
      {"https", "write tls = true, and leave 'protocol' out"},
      {"h2", "write http2 = true, and leave 'protocol' out"},
      {"uwsgi", "a web server in front can speak \"fastcgi\" or \"scgi\""}};
  for (const auto& [word, advice] : protocols)
    EXPECT_THAT(said_of(fmt::format("protocol = '{}'", word)), ElementsAre(HasSubstr(advice)))
        << word;
  EXPECT_THAT(said_of("protocol = 'gopher'"),
              ElementsAre(HasSubstr("must be one of \"http\", \"fastcgi\", \"scgi\"")));
  EXPECT_THAT(said_of("fastcgi = ':9000'"),
              ElementsAre(HasSubstr("there is no 'fastcgi' in [[listen]]; write protocol = "
                                    "\"fastcgi\", or \"scgi\"")));
  EXPECT_THAT(location_faults("match = '*.php'\nfcgi = '127.0.0.1:9000'"),
              ElementsAre(HasSubstr("did you mean 'fastcgi'?")));
}

TEST_F(ConfigAdviceTest, SaysWhoMayReadAPasswordFile) {
  files_.file("passwords", 0600, "");
  const Unprivileged nobody;
  EXPECT_THAT(location_faults("match = '/a/'\nauth = { passwords = 'passwords' }"),
              ElementsAre(HasSubstr("Permission denied; check, and start, as a user who may read "
                                    "it, such as root")));
}

}  // namespace
}  // namespace cgisrv::config
