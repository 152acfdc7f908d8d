#include "page/pages.h"

#include <gmock/gmock.h>

#include <array>
#include <string>

#include "page/listing_page.h"

namespace cgisrv::page {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr auto statuses = std::to_array<int>({400, 401, 403, 404, 405, 408, 411, 412, 413, 414,
                                              416, 417, 421, 431, 500, 501, 502, 503, 504, 505});

bool html_for(std::string_view accept) {
  http::Request request;
  request.fields.push_back({"accept", accept});
  return wants_html(request);
}

Failure sample_failure() {
  return {.script = "/cgi-bin/a.cgi",
          .filename = "/srv/cgi-bin/a.cgi",
          .reason = "It ended before it printed a header.",
          .exit = "exit status 3",
          .stderr_tail = "",
          .output_head = ""};
}

std::string failure_body(const Failure& failure, bool html) {
  return error_page(502, "id-1", html, failure).body;
}

std::string listing(std::vector<files::ListingEntry> entries, std::string_view sort = "",
                    bool html = true, std::string_view path = "/docs/") {
  return listing_page(path, std::move(entries), false, sort, html).body;
}

// The names of `entries` in the order in which `body` has them.
std::string order_in(const std::string& body, std::string names) {
  std::ranges::sort(names, {}, [&](char name) { return body.find(std::string("./") + name); });
  return names;
}

std::vector<files::ListingEntry> four_entries() {
  return {{.name = "d", .directory = true, .bytes = 9, .modified = 1},
          {.name = "a", .directory = false, .bytes = 20, .modified = 30},
          {.name = "b", .directory = false, .bytes = 30, .modified = 10},
          {.name = "c", .directory = false, .bytes = 10, .modified = 20}};
}

TEST(WantsHtml, OnlyWhenItIsNamed) {
  EXPECT_TRUE(html_for("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
  EXPECT_TRUE(html_for("application/json, TEXT/HTML ; level=1; q=0.1"));
  EXPECT_FALSE(html_for("*/*"));
  EXPECT_FALSE(html_for("text/*"));
  EXPECT_FALSE(html_for("text/htmlx, application/json"));
  EXPECT_FALSE(html_for(""));
  EXPECT_FALSE(wants_html(http::Request{}));
}

TEST(WantsHtml, NotWhenItsWeightIsNothing) {
  EXPECT_FALSE(html_for("text/html;q=0"));
  EXPECT_FALSE(html_for("text/html; Q=0.000, text/plain"));
  EXPECT_TRUE(html_for("text/html;q=0.001"));
  EXPECT_TRUE(html_for("text/html;q=0, text/html;level=1"));
}

TEST(ErrorPage, EachStatusSaysWhatHappenedWhatToDoAndTheRequestId) {
  for (const int status : statuses) {
    const auto text = error_page(status, "7f-19", false);
    EXPECT_EQ(text.content_type, "text/plain; charset=utf-8");
    // The status line, a blank line, what happened, what to do, a blank line, the id.
    EXPECT_THAT(text.body, testing::MatchesRegex("[0-9]+ [A-Za-z -]+\n\n[A-Z][^\n]+\\.\n"
                                                 "[A-Z][^\n]+\\.\n\nRequest id +7f-19\n"))
        << status;
    const auto html = error_page(status, "7f-19", true);
    EXPECT_EQ(html.content_type, "text/html; charset=utf-8");
    EXPECT_THAT(html.body,
                AllOf(HasSubstr("<h1>"), HasSubstr("<p class=\"lead\">"),
                      HasSubstr("<code>7f-19</code>"), HasSubstr(std::to_string(status))))
        << status;
  }
}

TEST(ErrorPage, TextsOfDifferentStatusesDiffer) {
  std::vector<std::string> bodies;
  for (const int status : statuses) {
    const auto body = error_page(status, "", false).body;
    bodies.push_back(body.substr(body.find('\n')));
  }
  std::ranges::sort(bodies);
  EXPECT_EQ(std::ranges::adjacent_find(bodies), bodies.end());
}

TEST(ErrorPage, UnlistedStatusGetsTheTextOfItsClass) {
  EXPECT_THAT(error_page(418, "x", false).body, HasSubstr("as it was sent"));
  EXPECT_THAT(error_page(599, "x", false).body, HasSubstr("The server failed"));
}

TEST(ErrorPage, NoScriptAndNoAssetFromElsewhere) {
  for (const auto& body : {error_page(500, "x", true).body, failure_body(sample_failure(), true),
                           listing(four_entries())}) {
    EXPECT_THAT(body, Not(HasSubstr("<script")));
    EXPECT_THAT(body, Not(HasSubstr("//")));
    EXPECT_THAT(body, AllOf(HasSubstr("<html lang=\"en\">"), HasSubstr("<main"),
                            HasSubstr("prefers-color-scheme: dark")));
  }
}

TEST(FailurePage, ShowsReasonExitAndOutput) {
  auto failure = sample_failure();
  failure.stderr_tail = "Traceback:\n  line 1\r\n\tlast: 没有\n";
  failure.output_head = "Hello";
  for (const bool html : {true, false}) {
    EXPECT_THAT(failure_body(failure, html),
                AllOf(HasSubstr("It ended before it printed a header."), HasSubstr("exit status 3"),
                      HasSubstr("/srv/cgi-bin/a.cgi"), HasSubstr("id-1"), HasSubstr("Hello"),
                      HasSubstr("Traceback:\n  line 1\n\tlast: 没有\n")));
  }
}

TEST(FailurePage, ReasonIsASentenceWithoutTheFile) {
  auto failure = sample_failure();
  failure.reason = "/srv/cgi-bin/a.cgi: exit status 3 & no header";
  EXPECT_THAT(failure_body(failure, true), HasSubstr(">Exit status 3 &amp; no header<"));
  EXPECT_THAT(failure_body(failure, false), HasSubstr("\nExit status 3 & no header\n"));
}

TEST(FailurePage, LeavesOutWhatIsNotKnown) {
  auto failure = sample_failure();
  failure.exit.clear();
  EXPECT_THAT(failure_body(failure, true), AllOf(Not(HasSubstr("Ended")), Not(HasSubstr("<pre"))));
  EXPECT_THAT(failure_body(failure, false),
              AllOf(Not(HasSubstr("Ended")), Not(HasSubstr("standard error"))));
}

TEST(FailurePage, EscapesWhatTheProgramWrote) {
  auto failure = sample_failure();
  failure.script = "/<i>.cgi";
  failure.stderr_tail = "</pre><script>alert(1)</script>";
  failure.output_head = "<img onerror=\"x\">";
  const auto html = failure_body(failure, true);
  EXPECT_THAT(html,
              AllOf(Not(HasSubstr("<script")), Not(HasSubstr("<img")), Not(HasSubstr("<i>"))));
  EXPECT_THAT(html, HasSubstr("&lt;/pre&gt;&lt;script&gt;alert(1)"));
}

// Terminals obey ESC, and U+009B as well; a lone CR would overwrite the line.
TEST(FailurePage, DisarmsControlCharactersAndBrokenUtf8) {
  auto failure = sample_failure();
  failure.stderr_tail =
      "\x1b[2J|\xc2\x9b|\r|\x7f|\xff|\xc0\xaf|\xed\xa0\x80|\xe4\xb8|é|\xf0\x9f\x99\x82";
  for (const bool html : {true, false}) {
    EXPECT_THAT(failure_body(failure, html),
                HasSubstr("\\x1b[2J|\\xc2\\x9b|\\x0d|\\x7f|\\xff|\\xc0\\xaf|\\xed\\xa0\\x80|"
                          "\\xe4\\xb8|é|\xf0\x9f\x99\x82"));
  }
}

TEST(ListingPage, SortsWithDirectoriesFirst) {
  const auto sorted = [](std::string_view sort) {
    return order_in(listing(four_entries(), sort), "abcd");
  };
  EXPECT_EQ(sorted("name"), "dabc");
  EXPECT_EQ(sorted("-name"), "dcba");
  EXPECT_EQ(sorted("size"), "dcab");
  EXPECT_EQ(sorted("-size"), "dbac");
  EXPECT_EQ(sorted("date"), "dbca");
  EXPECT_EQ(sorted("-date"), "dacb");
  EXPECT_EQ(sorted(""), "dabc");
  EXPECT_EQ(sorted("-nonsense"), "dabc");
}

TEST(ListingPage, SaysHowItIsSortedAndOffersTheOtherWay) {
  EXPECT_THAT(listing(four_entries(), "size"),
              AllOf(HasSubstr("aria-sort=\"ascending\"><a href=\"?-size\">"),
                    HasSubstr("<th scope=\"col\" class=\"name\"><a href=\"?name\">")));
  EXPECT_THAT(listing(four_entries(), "-size"),
              HasSubstr("aria-sort=\"descending\"><a href=\"?size\">"));
}

TEST(ListingPage, LinksAreEncodedAndStayInTheDirectory) {
  const auto body = listing({{.name = "a b?#%\"'&<.txt"}, {.name = "javascript:alert(1)"}});
  EXPECT_THAT(body, AllOf(HasSubstr("href=\"./a%20b%3F%23%25"), HasSubstr("%3C.txt\""),
                          HasSubstr("href=\"./javascript")));
  EXPECT_THAT(body, HasSubstr(">a b?#%&quot;&#39;&amp;&lt;.txt</a>"));
}

TEST(ListingPage, EscapesNamesAndThePath) {
  const std::vector<files::ListingEntry> entries{{.name = "<script>\n\x1b[2J"}};
  const auto html = listing(entries, "", true, "/<b>/");
  EXPECT_THAT(html, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("<b>")),
                          HasSubstr("&lt;script&gt;\\x0a\\x1b[2J")));
  EXPECT_THAT(listing(entries, "", false), HasSubstr("  <script>\\x0a\\x1b[2J\n"));
}

TEST(ListingPage, EveryPartOfThePathLeadsThere) {
  EXPECT_THAT(listing({}, "", true, "/a/b/"),
              HasSubstr("<h1>Index of <a href=\"../../\">/</a><a href=\"../\">a/</a>"
                        "<a href=\"./\" aria-current=\"page\">b/</a></h1>"));
  const auto root = listing({}, "", true, "/");
  EXPECT_THAT(root, AllOf(HasSubstr("<a href=\"./\" aria-current=\"page\">/</a></h1>"),
                          Not(HasSubstr("Parent directory"))));
}

TEST(ListingPage, SizesAreShortAndExact) {
  EXPECT_THAT(listing({{.name = "x", .bytes = 999}}), HasSubstr(">999 B<"));
  EXPECT_THAT(listing({{.name = "x", .bytes = 1000}}), HasSubstr(">1.0 kB<"));
  EXPECT_THAT(listing({{.name = "x", .bytes = 999'960}}), HasSubstr(">1.0 MB<"));
  EXPECT_THAT(listing({{.name = "x", .bytes = 5'123'456'789}}),
              HasSubstr("title=\"5123456789 bytes\">5.1 GB<"));
}

TEST(ListingPage, PlainTextIsOneEntryALine) {
  EXPECT_EQ(listing({{.name = "d", .directory = true, .modified = 0},
                     {.name = "a b", .bytes = 1234, .modified = 1'700'000'000}},
                    "", false),
            "Index of /docs/\n\n"
            "1970-01-01T00:00:00Z               -  d/\n"
            "2023-11-14T22:13:20Z            1234  a b\n");
}

TEST(ListingPage, SaysWhenItIsEmptyOrCut) {
  EXPECT_THAT(listing({}), AllOf(HasSubstr("This directory is empty."), Not(HasSubstr("<table"))));
  EXPECT_THAT(listing({}, "", false), HasSubstr("This directory is empty."));
  const auto cut = listing_page("/", four_entries(), true, "", true).body;
  EXPECT_THAT(cut, HasSubstr("There is more here than these 4 entries."));
}

}  // namespace
}  // namespace cgisrv::page
