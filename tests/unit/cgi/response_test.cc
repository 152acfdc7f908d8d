#include "cgi/response.h"

#include <gmock/gmock.h>

namespace cgisrv::cgi {
namespace {

using http::Field;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using State = ResponseParser::State;

ResponseHead parse(std::string_view output) {
  ResponseParser parser;
  parser.feed(output);
  EXPECT_EQ(parser.state(), State::complete) << parser.problem();
  return std::move(parser.head());
}

// The problem with a whole output, in one piece and byte by byte.
std::string problem_of(std::string_view output) {
  ResponseParser whole;
  ResponseParser bytewise;
  whole.feed(output);
  whole.end();
  for (std::size_t i = 0; i < output.size(); ++i)
    bytewise.feed(output.substr(i, 1));
  bytewise.end();
  EXPECT_EQ(whole.state(), State::malformed) << output;
  EXPECT_EQ(bytewise.state(), State::malformed) << output;
  EXPECT_EQ(whole.looks_headerless(), bytewise.looks_headerless()) << output;
  return std::string(whole.problem());
}

TEST(Rfc3875_6_2_1, DocumentWithLfOrCrlf) {
  for (const auto* output :
       {"Content-Type: text/plain\nX-A: 1\n\n", "Content-Type: text/plain\r\nX-A: 1\r\n\r\n",
        "Content-Type:text/plain\r\nX-A:\t 1 \n\n"}) {
    const auto head = parse(output);
    EXPECT_EQ(head.kind, ResponseKind::document);
    EXPECT_EQ(head.response.status, 200);
    EXPECT_EQ(head.response.reason, "");
    EXPECT_EQ(head.response.content_length, std::nullopt);
    EXPECT_THAT(head.response.fields,
                ElementsAre(Field{"Content-Type", "text/plain"}, Field{"X-A", "1"}));
  }
}

TEST(Rfc3875_6_2_1, TakesNoByteOfTheBody) {
  ResponseParser parser;
  const std::string_view output = "Content-Type: a/b\n\n\nbody";
  EXPECT_EQ(parser.feed(output), output.find("\nbody"));
  EXPECT_EQ(parser.state(), State::complete);
  EXPECT_EQ(parser.feed("more"), 0u);
}

TEST(Rfc3875_6_2_1, ByteByByteIsTheSame) {
  ResponseParser parser;
  for (const char c : std::string_view("Status: 201 Made\r\nContent-Type: a/b\r\n\r")) {
    EXPECT_EQ(parser.feed({&c, 1}), 1u);
    EXPECT_EQ(parser.state(), State::incomplete);
  }
  parser.feed("\n");
  EXPECT_EQ(parser.state(), State::complete);
  EXPECT_EQ(parser.head().response.status, 201);
}

TEST(Rfc3875_6_2_2, LocalLocationAloneIsALocalRedirect) {
  const auto head = parse("Location: /a?b=c\nSet-Cookie: s=1\n\n");
  EXPECT_EQ(head.kind, ResponseKind::local_redirect);
  EXPECT_EQ(head.location, "/a?b=c");
  EXPECT_THAT(head.response.fields, ElementsAre(Field{"Set-Cookie", "s=1"}));
}

TEST(Rfc3875_6_2_2, WhatOnlyTheClientCanFollowIsNotLocal) {
  for (const std::string location : {"//host/a", "/a#part", "a.html", "?q"}) {
    const auto head = parse("Location: " + location + "\n\n");
    EXPECT_EQ(head.kind, ResponseKind::absolute_redirect) << location;
    EXPECT_EQ(head.response.status, 302);
    EXPECT_THAT(head.response.fields, ElementsAre(Field{"Location", location}));
  }
}

TEST(Rfc3875_6_2_3, AbsoluteLocationAloneIs302) {
  const auto head = parse("location: https://example.org/#x\n\n");
  EXPECT_EQ(head.kind, ResponseKind::absolute_redirect);
  EXPECT_EQ(head.response.status, 302);
  EXPECT_THAT(head.response.fields, ElementsAre(Field{"Location", "https://example.org/#x"}));
}

TEST(Rfc3875_6_2_4, LocationWithStatusAndDocumentIsKept) {
  const auto head = parse("Status: 301 Moved\nLocation: http://a/\nContent-Type: a/b\n\n");
  EXPECT_EQ(head.kind, ResponseKind::document);
  EXPECT_EQ(head.response.status, 301);
  EXPECT_EQ(head.response.reason, "Moved");
  EXPECT_THAT(head.response.fields,
              ElementsAre(Field{"Content-Type", "a/b"}, Field{"Location", "http://a/"}));
}

TEST(Rfc3875_6_2_4, StatusWithALocalLocationIsKept) {
  const auto head = parse("Status: 201\nLocation: /made\n\n");
  EXPECT_EQ(head.kind, ResponseKind::document);
  EXPECT_EQ(head.response.status, 201);
  EXPECT_THAT(head.response.fields, ElementsAre(Field{"Location", "/made"}));
}

TEST(Rfc3875_6_2_4, LocationWithADocumentButNoStatusIs302) {
  for (const auto* output :
       {"Location: http://a/\nContent-Type: a/b\n\n", "Content-Type: a/b\nLocation: /a\n\n"}) {
    const auto head = parse(output);
    EXPECT_EQ(head.kind, ResponseKind::document);
    EXPECT_EQ(head.response.status, 302);
  }
}

// Fault 15. As other servers have it, though the document is to have a type.
TEST(Rfc3875_6_3, AnyFieldMakesAHead) {
  EXPECT_THAT(parse("Set-Cookie: a=1\n\n").response.fields,
              ElementsAre(Field{"Set-Cookie", "a=1"}));
  EXPECT_EQ(parse("Content-Length: 0\n\n").response.content_length, 0U);
  EXPECT_THAT(parse("Date: x\n\n").response.fields, IsEmpty());
  EXPECT_EQ(parse("Status: 204\n\n").response.status, 204);
  EXPECT_EQ(parse("Refresh: 5\n\n").response.status, 200);
  EXPECT_THAT(problem_of("\nContent-Type: a/b\n\n"), HasSubstr("begins with an empty line"));
}

// Fault 17.
TEST(Rfc3875_6_2_2, BytesThatNoTargetMayHoldAreEncodedInALocalLocation) {
  EXPECT_EQ(parse("Location: /\xc3\xa9\n\n").location, "/%C3%A9");
  EXPECT_EQ(parse("Location: /he llo?a b=<c>\n\n").location, "/he%20llo?a%20b=%3Cc%3E");
  EXPECT_EQ(parse("Location: /%41?x=%2F&y\n\n").location, "/%41?x=%2F&y");
}

TEST(Rfc3875_6_3, RepeatedCgiFieldsAreRefused) {
  EXPECT_THAT(problem_of("Status: 200\nstatus: 200\n\n"), HasSubstr("status twice"));
  EXPECT_THAT(problem_of("Location: /a\nLocation: /a\n\n"), HasSubstr("Location twice"));
  EXPECT_THAT(problem_of("Content-Type: a/b\nContent-Type: a/b\n\n"),
              HasSubstr("Content-Type twice"));
}

TEST(Rfc3875_6_3_2, EmptyLocationIsRefused) {
  EXPECT_THAT(problem_of("Location:\n\n"), HasSubstr("Location is empty"));
}

TEST(Rfc3875_6_3_3, StatusWithAndWithoutReason) {
  const auto head = parse("Status: 404 Not  here\n\n");
  EXPECT_EQ(head.response.status, 404);
  EXPECT_EQ(head.response.reason, "Not  here");
  EXPECT_EQ(parse("Status: 599\n\n").response.status, 599);
}

TEST(Rfc3875_6_3_3, BadStatusIsRefused) {
  for (const auto* status : {"", "20", "2000", "ok", "+20", "-20", "2x0", "200OK", "0200", "099",
                             "100 Continue", "101 Switching Protocols", "600", "999 No"}) {
    ResponseParser parser;
    const auto line = std::string("Status: ") + status;
    parser.feed(line + "\nContent-Type: a/b\n\n");
    EXPECT_EQ(parser.state(), State::malformed) << status;
    EXPECT_THAT(parser.problem(), HasSubstr("Status")) << status;
    EXPECT_EQ(parser.offending_line(), line);
    EXPECT_FALSE(parser.looks_headerless());
  }
}

// Fault 19.
TEST(Rfc3875_6_3_3, WhatIsWrongWithAStatusIsSaid) {
  EXPECT_THAT(problem_of("Status: 200OK\n\n"), HasSubstr("no space after its three digits"));
  EXPECT_THAT(problem_of("Status: OK\n\n"), HasSubstr("does not begin with three digits"));
  EXPECT_THAT(problem_of("Status: 2000\n\n"), HasSubstr("does not begin with three digits"));
  EXPECT_THAT(problem_of("Status: 999\n\n"), HasSubstr("none of HTTP, whose last is 599"));
}

// Fault 19.
TEST(ResponseParser, WhereAFirstLineComesFromIsSaid) {
  EXPECT_THAT(problem_of("\xef\xbb\xbf"
                         "Content-Type: a/b\n\n"),
              HasSubstr("byte order mark"));
  EXPECT_THAT(problem_of("-e Content-Type: a/b\n\n"), HasSubstr("no such option; use printf"));
  ResponseParser cgitb;
  cgitb.feed("<!--: spam\nContent-Type: text/html\n\n");
  EXPECT_THAT(cgitb.problem(), HasSubstr("Python's cgitb"));
  EXPECT_THAT(problem_of("Traceback (most recent call last):\n"), HasSubstr("the program failed"));
}

// Fault 19.
TEST(ErrorIn, IsTheLastLineOfATraceback) {
  EXPECT_EQ(error_in("Traceback (most recent call last):\n  File \"x\"\nValueError: boom\n"),
            "ValueError: boom");
  EXPECT_EQ(error_in("<!--: spam\nContent-Type: text/html\n\n<body>\n<!-- The above is a\n\n"
                     "Traceback (most recent call last):\n  File\nKeyError: 'x'\n\n-->\n\n"),
            "KeyError: 'x'");
  EXPECT_EQ(error_in("<html>\nValueError: boom\n"), "");
  EXPECT_EQ(error_in(""), "");
}

TEST(Rfc3875_6_3_4, ConnectionFieldsDateAndServerAreNotForwarded) {
  const auto head = parse(
      "Content-Type: a/b\nConnection: close\nKeep-Alive: 1\nProxy-Connection: x\nTE: x\n"
      "Trailer: x\nTransfer-Encoding: chunked\nUpgrade: x\nDate: x\nServer: x\n"
      "Proxy-Authenticate: Basic\n\n");
  EXPECT_THAT(head.response.fields, ElementsAre(Field{"Content-Type", "a/b"}));
}

TEST(Rfc3875_6_3_4, SetCookieFieldsStayApartAndInOrder) {
  const auto head = parse("Set-Cookie: b=1\nContent-Type: a/b\nSet-Cookie: a=2\n\n");
  EXPECT_THAT(head.response.fields,
              ElementsAre(Field{"Set-Cookie", "b=1"}, Field{"Content-Type", "a/b"},
                          Field{"Set-Cookie", "a=2"}));
}

TEST(Rfc3875_6_3_5, ExtensionFieldsAreStripped) {
  EXPECT_THAT(parse("Status: 200\nX-CGI-Foo: 1\nx-cgi-: 2\n\n").response.fields, IsEmpty());
}

TEST(Rfc9110_8_6, ContentLengthIsTakenOut) {
  const auto head = parse("Content-Type: a/b\nContent-Length: 18446744073709551615\n\n");
  EXPECT_EQ(head.response.content_length, 18446744073709551615u);
  EXPECT_THAT(head.response.fields, ElementsAre(Field{"Content-Type", "a/b"}));
}

TEST(Rfc9110_8_6, BadContentLengthIsRefused) {
  for (const std::string length :
       {"", "5,6", "5, 5", "+5", "-5", "0x5", "5 5", "five", "18446744073709551616"}) {
    EXPECT_THAT(problem_of("Content-Length: " + length + "\nStatus: 200\n\n"),
                HasSubstr("not a plain number"))
        << length;
  }
  EXPECT_THAT(problem_of("Content-Length: 5\nContent-Length: 5\n\n"), HasSubstr("twice"));
}

TEST(Rfc9112_5, MalformedLinesAreRefusedAndNamed) {
  const std::pair<std::string, std::string> cases[] = {
      {"X-A : 1", "space before its colon; remove the space"},
      {"X-A\t: 1", "space before its colon; remove the space"},
      {"not a field : 1", "space before its colon; an empty line must stand between"},
      {" folded", "begins with a space"},
      {"\tfolded", "begins with a space"},
      {"X-A: 1\rX-B: 2", "carriage return"},
      {std::string("X-A: \0", 6), "control byte"},
      {"X-A: \x1b[0m", "control byte"},
      {"X-A: \x7f", "control byte"},
      {": 1", "no name"},
      {"X(A): 1", "characters that no field may have"},
      {"X A: 1", "characters that no field may have"},
      {"no field at all", "no colon"},
  };
  for (const auto& [line, problem] : cases) {
    ResponseParser parser;
    parser.feed("Content-Type: a/b\n" + line + "\n\n");
    EXPECT_EQ(parser.state(), State::malformed) << line;
    EXPECT_EQ(parser.offending_line(), line);
    EXPECT_FALSE(parser.looks_headerless());
    EXPECT_THAT(parser.problem(), HasSubstr(problem)) << line;
  }
}

TEST(ResponseParser, BytesOver0x7eMayStandInAValue) {
  EXPECT_THAT(parse("Status: 200\nX-A: \xfc\n\n").response.fields,
              ElementsAre(Field{"X-A", "\xfc"}));
}

TEST(ResponseParser, HeadPastItsLimitIsRefused) {
  const std::string long_field(ResponseLimits{}.head_bytes_max, 'x');
  EXPECT_THAT(problem_of("Status: 200\nX-A: " + long_field + "\n\n"), HasSubstr("longer than"));
  ResponseParser parser;
  const std::string start = "Status: 200\nX-A: ";
  const std::string fits(ResponseLimits{}.head_bytes_max - start.size() - 2, 'x');
  parser.feed(start + fits + "\n\n");
  EXPECT_EQ(parser.state(), State::complete);
}

TEST(ResponseParser, TooManyFieldsAreRefused) {
  std::string output = "Status: 200\n";
  for (std::size_t i = 1; i < ResponseLimits{}.fields_max; ++i)
    output += "Date: x\n";
  EXPECT_EQ(parse(output + "\n").response.status, 200);
  EXPECT_THAT(problem_of(output + "Date: x\n\n"), HasSubstr("more than 2000 fields"));
}

// Fault 16.
TEST(ResponseParser, LimitsAreThoseThatItIsGiven) {
  ResponseParser fields({.fields_max = 2});
  fields.feed("A: 1\nB: 2\nC: 3\n\n");
  EXPECT_THAT(fields.problem(), HasSubstr("more than 2 fields (response_header_fields)"));
  ResponseParser bytes({.head_bytes_max = 10});
  bytes.feed("Content-Type: a/b\n\n");
  EXPECT_THAT(bytes.problem(), HasSubstr("longer than 10 bytes (response_header_size)"));
}

TEST(ResponseParser, OutputThatEndsTooSoonIsRefused) {
  EXPECT_THAT(problem_of(""), HasSubstr("without any output"));
  EXPECT_THAT(problem_of("Status: 200"), HasSubstr("ended within its header"));
  EXPECT_THAT(problem_of("Status: 200\r"), HasSubstr("ended within its header"));
  EXPECT_THAT(problem_of("Status: 200\n"), HasSubstr("ended within its header"));
  EXPECT_THAT(problem_of("Status: 200\nX-"), HasSubstr("ended within its header"));
}

TEST(ResponseParser, ForgottenEmptyLineIsSaid) {
  EXPECT_THAT(problem_of("Content-Type: text/html\n<html>\n"), HasSubstr("an empty line"));
}

TEST(Headerless, OutputWithoutAFieldInItsFirstLine) {
  for (const auto* output : {"<html>", "<a href=\"http://x\">\n", "Hello, world\n", "hello", "\n",
                             "\nbody", "\r\nbody", "{\"a\": 1}\n", "\x89PNG\r\n", "No colon\n\n",
                             "Two words: 1\n", ": 1\n", " Status: 200\n"}) {
    ResponseParser parser;
    const auto taken = parser.feed(output);
    parser.end();
    EXPECT_TRUE(parser.looks_headerless()) << output;
    EXPECT_EQ(parser.state(), State::malformed) << output;
    EXPECT_EQ(parser.collected(), std::string_view(output).substr(0, taken));
  }
}

TEST(Headerless, MarkupIsSeenBeforeItsLineEnds) {
  ResponseParser parser;
  parser.feed("<");
  EXPECT_FALSE(parser.looks_headerless());  // it may be of Python's cgitb
  parser.feed("p");
  EXPECT_TRUE(parser.looks_headerless());
}

TEST(Headerless, FirstLineThatNeverEnds) {
  ResponseParser parser;
  parser.feed(std::string(4095, 'x'));
  EXPECT_EQ(parser.state(), State::incomplete);
  parser.feed("x");
  EXPECT_TRUE(parser.looks_headerless());
}

TEST(Headerless, LongFirstFieldIsAField) {
  const auto line = "Location: http://a/" + std::string(10'000, 'x');
  ResponseParser parser;
  for (const char c : line + "\r\n\r\n")
    parser.feed({&c, 1});
  EXPECT_EQ(parser.state(), State::complete);
}

TEST(Headerless, HeadsAreNotHeaderlessWhateverTheirFault) {
  for (const auto* output : {"", "Status: bad\n\n", "Status: 200\nbody\n"}) {
    ResponseParser parser;
    parser.feed(output);
    parser.end();
    EXPECT_EQ(parser.state(), State::malformed) << output;
    EXPECT_FALSE(parser.looks_headerless()) << output;
  }
}

TEST(ResponseParser, XSendfileIsForTheServerAlone) {
  ResponseParser parser;
  parser.feed("x-sendfile: /srv/a b\nContent-Type: text/plain\n\n");
  ASSERT_EQ(parser.state(), ResponseParser::State::complete);
  EXPECT_EQ(parser.head().send_file, "/srv/a b");
  EXPECT_EQ(parser.head().response.fields.size(), 1U);
  for (const auto* wrong : {"X-Sendfile: /a\nX-Sendfile: /b\n\n", "X-Sendfile:\n\n"}) {
    ResponseParser refused;
    refused.feed(wrong);
    EXPECT_EQ(refused.state(), ResponseParser::State::malformed) << wrong;
  }
}

}  // namespace
}  // namespace cgisrv::cgi
