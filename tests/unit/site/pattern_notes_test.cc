#include "site/pattern_notes.h"

#include <gmock/gmock.h>

#include "../temporary_directory.h"
#include "config/config.h"

namespace cgisrv::site {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(LiteralBeginning, IsWhatEveryMatchBeginsWith) {
  const std::pair<const char*, const char*> known[] = {
      {"^/git/.+/git-receive-pack$", "/git/"},
      {"^/a\\.b/(?<id>[0-9]+)", "/a.b/"},
      {"^/ab?c", "/a"},
      {"^/ab+c", "/ab"},
      {"^/ab{0,1}", "/a"},
      {"^/rev/\\d", "/rev/"},
      {"^/a/(b|c)", "/a/"},
      {"^/a/[|(]", "/a/"},
      {"^/a/\\(x\\|y", "/a/(x|y"},
      {"^/a$", "/a"},
      {"^", ""},
      {"^/a/\\", "/a/"},
      // that cannot be told
      {"/a/b", ""},
      {"^/a/|^/b/", ""},
      {"^/a/[]|]|/b", ""},
      {"^/a/\\(|/b", ""},
      {"(?i)^/a/", ""},
  };
  for (const auto& [expression, beginning] : known)
    EXPECT_EQ(literal_beginning(expression), beginning) << expression;
}

class PatternNotes : public testing::Test {
 protected:
  std::vector<std::string> notes(const std::string& locations) const {
    const std::string file = tree.path() + "/test.toml";
    const auto config = config::parse_config("[[site]]\nroot = 'www'\n" + locations, file);
    if (!config) return {config.error().front().text()};
    std::vector<std::string> notes;
    note_patterns(*config, notes);
    for (std::string& note : notes)
      note.erase(0, file.size() + 1);
    return notes;
  }
  static std::string location(std::string_view match, std::string_view keys) {
    return fmt::format("[[site.location]]\nmatch = '{}'\n{}\n", match, keys);
  }

  TemporaryDirectory tree;
  std::string program = (tree.directory("www"), tree.file("www/x", 0755));
};

TEST_F(PatternNotes, TellOfAnExpressionThatNeverAnswers) {
  const auto git = location("/git/", "cgi = 'x'");
  EXPECT_THAT(
      notes(git + location("~^/git/x", "redirect = '/y'")),
      ElementsAre("7: location ~^/git/x never answers, since location /git/ goes before it: "
                  "of its keys only allow and auth hold; match a longer prefix, or an exact "
                  "path, or write that prefix as a regular expression, too, below this one"));
  EXPECT_THAT(notes(git + location("~^/git/x", "allow = ['local']")), IsEmpty());
  EXPECT_THAT(notes(git + location("~^/git/x", "deny = true")), IsEmpty()) << "it goes first";
  EXPECT_THAT(notes(git + location("~^/gi", "redirect = '/y'")), IsEmpty()) << "for other paths";
  EXPECT_THAT(notes(location("/git/", "try = ['file', '/x']") + location("~^/git/x", "cgi = true")),
              IsEmpty())
      << "it answers for a file that is tried";
  EXPECT_THAT(
      notes(git + location("/git/x/", "body_size = '1m'") + location("~^/git/x/", "cgi = true")),
      ElementsAre(HasSubstr("since location /git/ goes before it")))
      << "the shorter prefix says what answers";
}

TEST_F(PatternNotes, TellOfAPrefixWhoseKeysDoNotHold) {
  const auto app = location("~^/app/[a-z]+$", "cgi = true\nbody_size = '2m'");
  const auto prefix = [](std::string_view keys) { return location("/app/", keys); };
  EXPECT_THAT(
      notes(prefix("umask = '027'\nheaders = { X-A = 'b' }\nbody_size = '1m'\ncache = '1h'") + app),
      ElementsAre("10: location ~^/app/[a-z]+$ goes before location /app/: what it matches is "
                  "answered without umask, headers of that"))
      << "it has a body_size of its own, and cache is for files";
  EXPECT_THAT(notes(prefix("cache = '1h'") + location("~^/app/x", "charset = 'utf-8'")),
              ElementsAre(HasSubstr("answered without cache of that")));
  EXPECT_THAT(notes(prefix("cache = '1h'") + location("~^/app/x", "redirect = '/y'")), IsEmpty());
  EXPECT_THAT(notes(prefix("files = 'www'\nallow = ['local']\nindex = ['a']") + app), IsEmpty());
  EXPECT_THAT(notes(location("/other/", "umask = '027'") + app), IsEmpty());
}

}  // namespace
}  // namespace cgisrv::site
