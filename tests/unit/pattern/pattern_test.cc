#include "pattern/pattern.h"

#include <gmock/gmock.h>

#include <cerrno>

namespace cgisrv::pattern {
namespace {

using testing::HasSubstr;

Pattern compiled(const std::string& text) {
  auto pattern = Pattern::compile(text);
  EXPECT_TRUE(pattern) << text;
  return *pattern;
}

// "name=text" of what was captured; "none" if it does not match.
std::string captured(const std::string& pattern, std::string_view text) {
  const Pattern compiled_pattern = compiled(pattern);  // what is captured names its groups
  const auto found = compiled_pattern.match(text);
  if (!found) return found.error().what;
  if (!found->matches) return "none";
  std::string all;
  for (const auto& [name, value] : found->captures)
    all.append(name).append("=").append(value).append(" ");
  return all;
}

TEST(Pattern, CapturesByNameAndNumber) {
  EXPECT_EQ(captured("^/rev/(?<id>[0-9a-f]+)$", "/rev/4f"), "0=/rev/4f id=4f ");
  EXPECT_EQ(captured("^/(a)?(b)/", "/b/c"), "0=/b/ 2=b ") << "the first took no part";
  EXPECT_EQ(captured("^/rev/", "/x/rev/"), "none");
  EXPECT_EQ(captured("b", "/abc"), "0=b ") << "anywhere";
  EXPECT_EQ(captured("^/a$", "/a\n"), "none") << "a line break is no end";
  EXPECT_EQ(captured("(?i)^/A$", "/a"), "0=/a ");
  EXPECT_EQ(captured("^/.$", "/\xff"), "0=/\xff ") << "bytes";
}

// Texts that begin otherwise are not matched at all.
TEST(Pattern, BeginsWithItsLetters) {
  for (const auto* text : {"/ac", "/abc", "/abbc"})
    EXPECT_NE(captured("^/ab*c", text), "none") << text;
  EXPECT_NE(captured("^/ab?c", "/ac"), "none");
  EXPECT_NE(captured("^/ab{0,2}c", "/ac"), "none");
  EXPECT_NE(captured("^/ab+c", "/abc"), "none");
  EXPECT_NE(captured("^/a|^/b", "/b"), "none");
  EXPECT_NE(captured("^/a(?i)b", "/aB"), "none");
  EXPECT_NE(captured("^/a\\.b", "/a.b"), "none");
  EXPECT_NE(captured("/a", "/b/a"), "none");
  EXPECT_EQ(captured("^/ab+c", "/ac"), "none");
}

TEST(Pattern, KnowsWhereItsMatchEnds) {
  EXPECT_EQ(compiled("\\.cgi(?=/|$)").match("/a.cgi/info")->end, 6);
}

TEST(Pattern, KnowsItsGroups) {
  const Pattern pattern = compiled("(?<id>a)(b)");
  EXPECT_TRUE(pattern.has_group("id"));
  EXPECT_TRUE(pattern.has_group("2"));
  EXPECT_TRUE(pattern.has_group("0"));
  EXPECT_FALSE(pattern.has_group("3"));
  EXPECT_FALSE(pattern.has_group("name"));
}

TEST(Pattern, SaysWhatIsWrong) {
  EXPECT_THAT(Pattern::compile("").error().what, HasSubstr("no regular expression"));
  EXPECT_THAT(Pattern::compile("a(b").error().what, HasSubstr("wrong at character 4: missing"));
  EXPECT_THAT(Pattern::compile(std::string(2000, 'a')).error().what, HasSubstr("1000 bytes"));
  EXPECT_FALSE(Pattern::compile("\\C"));
}

// Each of them would take longer than the world has been there.
TEST(Pattern, TakesABoundedNumberOfSteps) {
  const std::string many_a(4000, 'a');
  for (const auto* pattern : {"^/(a+)+$", "(a|aa)+$", "^/(a*)*b", "(.*)*x", "(?:a?){40}a{40}$"}) {
    const auto found = compiled(pattern).match("/" + many_a + "!");
    if (found) {
      EXPECT_FALSE(found->matches) << pattern;
    } else {
      EXPECT_EQ(found.error().code, ELOOP) << pattern;
    }
  }
  EXPECT_EQ(compiled("^/(a+)+$").match("/" + many_a + "!").error().code, ELOOP);
  EXPECT_EQ(captured("^/.*foo$", "/" + many_a + "foo").substr(0, 3), "0=/") << "an honest one";
}

TEST(Pattern, RefusesLongTexts) {
  EXPECT_EQ(compiled("a").match(std::string(5000, 'b')).error().code, EMSGSIZE);
}

}  // namespace
}  // namespace cgisrv::pattern
