#include "base/text.h"

#include <gtest/gtest.h>

namespace cgisrv::text {
namespace {

TEST(Text, CaseAndClassesAreAscii) {
  EXPECT_EQ(lower('A'), 'a');
  EXPECT_EQ(lower('\xc4'), '\xc4');
  EXPECT_EQ(upper('z'), 'Z');
  EXPECT_EQ(upper('{'), '{');
  EXPECT_TRUE(is_digit('0') && is_digit('9') && !is_digit('/') && !is_digit(':'));
  EXPECT_TRUE(is_alpha('a') && is_alpha('Z') && !is_alpha('@') && !is_alpha('['));
}

TEST(Text, HexValues) {
  EXPECT_EQ(hex_value('0'), 0);
  EXPECT_EQ(hex_value('f'), 15);
  EXPECT_EQ(hex_value('A'), 10);
  EXPECT_EQ(hex_value('g'), -1);
  EXPECT_EQ(hex_value('\0'), -1);
}

TEST(Text, EqualsIgnoringCase) {
  EXPECT_TRUE(equals_ignoring_case("Content-Length", "cONTENT-lENGTH"));
  EXPECT_FALSE(equals_ignoring_case("a", "ab"));
  EXPECT_FALSE(equals_ignoring_case("@", "`"));
  EXPECT_TRUE(equals_ignoring_case("", ""));
}

TEST(Text, Trim) {
  EXPECT_EQ(trim(" \t a b \t"), "a b");
  EXPECT_EQ(trim(" \t"), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("\na\r"), "\na\r");
}

TEST(Text, TakeUntil) {
  std::string_view rest = "a,,b";
  EXPECT_EQ(take_until(rest, ','), "a");
  EXPECT_EQ(take_until(rest, ','), "");
  EXPECT_EQ(take_until(rest, ','), "b");
  EXPECT_EQ(rest, "");
  EXPECT_EQ(take_until(rest, ','), "");
}

TEST(Text, EscapeLeavesNothingThatForgesALine) {
  EXPECT_EQ(escape("a\n\x1b\"\\\x80~"), "a\\x0a\\x1b\\x22\\x5c\\x80~");
  EXPECT_EQ(escape("abcdef", 3), "abc...");
  EXPECT_EQ(escape("abc", 3), "abc");
}

TEST(Text, PrintableLeavesWhatPeopleReadAndNothingElse) {
  EXPECT_EQ(printable("a \"b\" \\ c"), "a \"b\" \\ c");
  EXPECT_EQ(printable("a\tb"), "a b");
  EXPECT_EQ(printable("\r\n\x1b[31m\x7f"), "\\x0d\\x0a\\x1b[31m\\x7f");
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");  // UTF-8 stays
  // CSI as one of the C1 controls drives a terminal too; after another lead byte it is a letter.
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(printable("\xc3\x9b"), "\xc3\x9b");
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
  EXPECT_EQ(printable("abcdef", 3), "abc");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

// Fault 31.
TEST(Text, PrintableIsUtf8AndReadsAsWhatItIs) {
  EXPECT_EQ(printable("a\xff|\xc0\xaf|\xed\xa0\x80|\xe4\xb8"),
            "a\\xff|\\xc0\\xaf|\\xed\\xa0\\x80|\\xe4\\xb8");
  EXPECT_EQ(printable("photo_\u202egpj.exe"), "photo_\\xe2\\x80\\xaegpj.exe");
  for (const std::string hidden :
       {"\u061c", "\u200b", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2060",
        "\u2066", "\u2069", "\ufeff", "\ufff9", "\U000e0041"})
    EXPECT_EQ(visible_length(hidden), 0U) << printable(hidden);
  for (const std::string seen : {"a", " ", "\u00e9", "\u00a0", "\u05d0", "\u200c", "\u200d",
                                 "\u2013", "\u4e2d", "\ufffd", "\U0001f642"})
    EXPECT_EQ(visible_length(seen), seen.size()) << seen;
  EXPECT_EQ(printable("gr\xc3\xbc", 3), "gr") << "not cut within a character";
}

TEST(Text, ShellWordIsOneWord) {
  EXPECT_EQ(shell_word("/srv/a-b_c.cgi"), "/srv/a-b_c.cgi");
  EXPECT_EQ(shell_word("my prog"), "'my prog'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$(x)"), "'$(x)'");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(Text, EscapeHtml) {
  EXPECT_EQ(escape_html("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
}

}  // namespace
}  // namespace cgisrv::text
