#include "config/answer_codecs.h"

#include <gmock/gmock.h>

#include "config_fixture.h"

namespace cgisrv::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using Kind = FieldRule::Kind;

using AnswerCodecsTest = ConfigTest;

std::vector<std::string> shown(const std::vector<FieldRule>& rules) {
  std::vector<std::string> found;
  for (const FieldRule& rule : rules)
    found.push_back(
        fmt::format("{}{}: {}", "=+-"[static_cast<int>(rule.kind)], rule.name, rule.value));
  return found;
}

TEST_F(AnswerCodecsTest, FieldsAreSetAddedAndRemovedAndALocationHasItsOwn) {
  const auto config = good(
      "[[site]]\nroot = 'www'\n"
      "headers = { X-Frame-Options = 'DENY', Vary = { add = 'Cookie' }, X-Powered-By = false }\n"
      "[[site.location]]\nmatch = '/a/'\nheaders = { x-frame-options = 'SAMEORIGIN' }\n"
      "[[site.location]]\nmatch = '/b/'\n");
  const Site& site = config.sites.at(0);
  EXPECT_THAT(shown(site.fallback.answers.fields),
              ElementsAre("=X-Frame-Options: DENY", "+Vary: Cookie", "-X-Powered-By: "));
  EXPECT_THAT(shown(site.locations.at(0).answers.fields),
              ElementsAre("+Vary: Cookie", "-X-Powered-By: ", "=x-frame-options: SAMEORIGIN"));
  EXPECT_EQ(shown(site.locations.at(1).answers.fields), shown(site.fallback.answers.fields));
}

TEST_F(AnswerCodecsTest, FieldsOfTheProtocolAreRefused) {
  for (const auto* name :
       {"Content-Length", "transfer-encoding", "Connection", "Keep-Alive", "TE", "Trailer",
        "Upgrade", "Proxy-Connection", "Date", "Content-Range", "X-Sendfile"})
    EXPECT_THAT(location_faults(fmt::format("match = '/'\nheaders = {{ {} = 'x' }}\n", name)),
                ElementsAre(HasSubstr(fmt::format("5:13: 'headers': {} is the protocol's", name))));
  EXPECT_THAT(location_faults("match = '/'\nheaders = { Content-Type = 'x/y' }\n"),
              ElementsAre(HasSubstr("'types' and 'charset'")));
  EXPECT_THAT(location_faults("match = '/'\nheaders = { 'a b' = 'x' }\n"),
              ElementsAre(HasSubstr("\"a b\" is no name of a field")));
  EXPECT_THAT(location_faults("match = '/'\nheaders = { A = true }\n"),
              ElementsAre(HasSubstr("A must be a text, false to remove the field, or { add = ")));
  EXPECT_THAT(location_faults("match = '/'\nheaders = { A = \"x\\ny\" }\n"),
              ElementsAre(HasSubstr("control characters")));
  EXPECT_THAT(location_faults("match = '/'\nheaders = { A = '' }\n"),
              ElementsAre(HasSubstr("write false")));
}

TEST_F(AnswerCodecsTest, CacheIsATimeOrATableOfThem) {
  using namespace std::chrono_literals;
  const auto one = with_location("match = '/'\ncache = '1h'\n").answers.cache;
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].type, "*");
  EXPECT_EQ(one[0].age, 1h);
  const auto by_type =
      with_location("match = '/'\ncache = { 'image/*' = '30d', '*' = 'no-store' }\n").answers.cache;
  ASSERT_EQ(by_type.size(), 2U);
  EXPECT_EQ(by_type[0].age, 720h);
  EXPECT_EQ(by_type[1].age, CacheRule::no_store);
  EXPECT_THAT(location_faults("match = '/'\ncache = '1y'\n"),
              ElementsAre(HasSubstr("'cache' must be")));
  EXPECT_THAT(location_faults("match = '/'\ncache = '1500ms'\n"),
              ElementsAre(HasSubstr("whole seconds")));
  EXPECT_THAT(location_faults("match = '/'\ncache = { png = '1h' }\n"),
              ElementsAre(HasSubstr("\"png\" is no type")));
}

TEST_F(AnswerCodecsTest, ErrorPagesAreStatusesAndRanges) {
  const auto config = good(
      "[[site]]\nroot = 'www'\nerror_pages = { 500-599 = '/sorry.cgi?why', 404 = '/404.html' }\n"
      "[[site.location]]\nmatch = '/a/'\nerror_pages = { 404 = false }\n");
  const auto& pages = config.sites.at(0).fallback.answers.error_pages;
  ASSERT_EQ(pages.size(), 2U);
  EXPECT_EQ(pages[0].path, "/404.html") << "one status goes before a range";
  EXPECT_EQ(pages[1].first, 500);
  EXPECT_EQ(pages[1].last, 599);
  const auto& of_location = config.sites.at(0).locations.at(0).answers.error_pages;
  ASSERT_EQ(of_location.size(), 3U);
  EXPECT_EQ(of_location[0].path, "");
  for (const auto* wrong :
       {"200 = '/x'", "600 = '/x'", "599-500 = '/x'", "abc = '/x'", "4xx = '/x'"})
    EXPECT_THAT(location_faults(fmt::format("match = '/'\nerror_pages = {{ {} }}\n", wrong)),
                ElementsAre(HasSubstr("is no failure's status")))
        << wrong;
  for (const auto* wrong : {"404 = 'x'", "404 = 'http://h/x'", "404 = '/../x'", "404 = '/%zz'"})
    EXPECT_THAT(location_faults(fmt::format("match = '/'\nerror_pages = {{ {} }}\n", wrong)),
                ElementsAre(HasSubstr("is no path of this site")))
        << wrong;
  EXPECT_THAT(location_faults("match = '/'\nerror_pages = '/x'\n"),
              ElementsAre(HasSubstr("must be a table")));
}

TEST_F(AnswerCodecsTest, TypesAreByEnding) {
  const auto types =
      with_location(
          "match = '/'\ntypes = { '.LOG' = 'text/plain', '*' = 'text/x' }\ncharset = 'none'\n")
          .answers.types;
  EXPECT_THAT(types.by_ending, ElementsAre(Pair(".log", "text/plain")));
  EXPECT_EQ(types.other, "text/x");
  EXPECT_EQ(types.charset, "none");
  EXPECT_THAT(location_faults("match = '/'\ntypes = { log = 'text/plain' }\n"),
              ElementsAre(HasSubstr("\"log\" is no ending")));
  EXPECT_THAT(location_faults("match = '/'\ntypes = { '.log' = 'plain' }\n"),
              ElementsAre(HasSubstr("media type")));
  EXPECT_THAT(location_faults("match = '/'\ncharset = 'utf 8'\n"),
              ElementsAre(HasSubstr("character encoding")));
}

TEST_F(AnswerCodecsTest, ALocationCompressesAsItsSiteUnlessItSaysOtherwise) {
  const auto config = good(
      "[[site]]\nroot = 'www'\ncompress = true\n"
      "[[site.location]]\nmatch = '/a/'\n[[site.location]]\nmatch = '/b/'\ncompress = false\n");
  const Site& site = config.sites.at(0);
  EXPECT_TRUE(site.fallback.answers.compress);
  EXPECT_TRUE(site.locations.at(0).answers.compress);
  EXPECT_FALSE(site.locations.at(1).answers.compress);
  EXPECT_FALSE(with_location("match = '/'\n").answers.compress);
  EXPECT_THAT(location_faults("match = '/'\ncompress = 'gzip'\n"),
              ElementsAre(HasSubstr("'compress' must be true or false")));
  EXPECT_THAT(location_faults("match = '/'\ngzip_static = true\n"),
              ElementsAre(HasSubstr("write compress = true, under [[site]]")));
}

TEST_F(AnswerCodecsTest, RootsOfSentFilesExist) {
  EXPECT_THAT(with_location(fmt::format("match = '/'\nsendfile_roots = ['{}/']\n", files_.path()))
                  .cgi.sendfile_roots,
              ElementsAre(files_.path()));
  EXPECT_THAT(location_faults("match = '/'\nsendfile_roots = ['files']\n"),
              ElementsAre(HasSubstr(path("files"))));
  EXPECT_THAT(location_faults("match = '/'\nsendfile_roots = '/srv'\n"),
              ElementsAre(HasSubstr("a list of directories")));
  EXPECT_THAT(location_faults("match = '/'\nsendfile_roots = ['/none/such']\n"),
              ElementsAre(HasSubstr("/none/such")));
}

}  // namespace
}  // namespace cgisrv::config
