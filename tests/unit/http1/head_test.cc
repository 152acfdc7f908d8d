// The form of a head: lines, bytes, names, limits.
#include "head_cases.h"

namespace cgisrv::http1 {
namespace {

using namespace std::string_literals;

TEST(Head, FillsTheRequest) {
  const auto bytes =
      "POST /a/b?c=d HTTP/1.1\r\nHost: example.org:8080\r\nContent-Length: 5\r\n"
      "X-Empty:\r\nX-Padded: \t two words \t \r\n\r\nhello"s;
  const auto result = parse(bytes);
  ASSERT_EQ(result.state, State::complete) << result.reason;
  EXPECT_EQ(result.consumed, bytes.size() - 5);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.raw_target, "/a/b?c=d");
  EXPECT_EQ(request.target.path, "/a/b");
  EXPECT_EQ(request.target.query, "c=d");
  EXPECT_EQ(request.host, "example.org");
  EXPECT_EQ(request.port, 8080);
  EXPECT_EQ(request.framing, http::Framing::length);
  EXPECT_EQ(request.content_length, 5U);
  EXPECT_TRUE(request.keep_alive);
  ASSERT_EQ(request.fields.size(), 4U);
  EXPECT_EQ(request.fields[1].name, "Content-Length");
  EXPECT_EQ(request.field("x-empty"), "");
  EXPECT_EQ(request.field("x-padded"), "two words");
}

TEST(Head, ViewsOutliveTheBytes) {
  {
    const auto bytes = "GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n"s;
    ASSERT_EQ(parse(bytes).state, State::complete);
  }
  EXPECT_EQ(request.target.path, "/a");
  EXPECT_EQ(request.host, "example.org");
}

TEST(Head, ArrivesByteByByte) {
  const auto bytes = "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"s;
  std::size_t scanned = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto part = std::string_view(bytes).substr(0, size);
    ASSERT_EQ(parse_head(part, scanned, {}, request).state, State::incomplete) << size;
    ASSERT_LE(scanned, size);
    ASSERT_GE(scanned + 1, size) << "searched again";
  }
  const auto result = parse_head(bytes, scanned, {}, request);
  EXPECT_EQ(result.state, State::complete);
  EXPECT_EQ(result.consumed, bytes.size());
}

TEST(Head, PipelinedHeadsAreTakenOneByOne) {
  const auto one = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"s;
  const auto both = one + "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_EQ(parse(both).consumed, one.size());
  EXPECT_EQ(request.raw_target, "/1");
  ASSERT_EQ(parse(both.substr(one.size())).state, State::complete);
  EXPECT_EQ(request.raw_target, "/2");
}

TEST(Head, SteadyStateKeepsTheMemory) {
  ASSERT_EQ(fields("A: 1\r\nB: 2"), accepted);
  const auto* const first = request.fields.data();
  ASSERT_EQ(fields("A: 1\r\nB: 2"), accepted);
  EXPECT_EQ(request.fields.data(), first);
}

TEST(Head, TlsOnAPlainPortIsRefusedAtOnce) {
  EXPECT_EQ(status("\x16\x03\x01"), 400);
  EXPECT_EQ(parse("\x17").reason, "what was sent does not begin with a method");
}

// Fault 2l.
TEST(Head, OtherProtocolsAreNamed) {
  const struct {
    std::string begins;
    int status;
    std::string_view named;
  } cases[] = {
      {"\x16\x03\x01\x02\x00\x01\x00\n", 400, "TLS"},
      {"\x01\x01\0\x01\0\x08\0\0"s, 400, "FastCGI"},
      {"70:CONTENT_LENGTH\0"s
       "0\0"s,
       400, "SCGI"},
      {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400,
       "PROXY protocol"},
      {"PROXY UNKNOWN\r\n", 400, "PROXY protocol"},
      {"\r\n\r\n\0\r\nQUIT\n\x21\x11"s, 400, "PROXY protocol"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2"},
      {"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u6\r\n", 400, "SSH"},
      {"SSH-2.0-Go\r\n", 400, "SSH"},
      {"SSH-2.0-PuTTY_Release_0.78 with two words\r\n", 400, "SSH"},
      {"\x12\x34\x00\x01", 400, "AJP"},
  };
  for (const auto& [begins, status, named] : cases) {
    const auto head = parse(begins);
    EXPECT_EQ(head.status, status) << named;
    EXPECT_TRUE(head.reason.contains(named)) << head.reason;
  }
  for (const auto* http :
       {"PROXY / HTTP/1.1", "PRI / HTTP/1.1", "SSH-2.0-x / HTTP/1.1", "70 / HTTP/1.1"})
    EXPECT_EQ(line(http), accepted) << http;
  EXPECT_EQ(parse("SSH-2.0-x /unfinished").state, State::incomplete);
}

// Fault 5.
TEST(Head, TheFirstLineIsThereForTheLogWhateverIsWrong) {
  EXPECT_EQ(first_line("GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n"), "GET /\xff HTTP/1.1");
  EXPECT_EQ(first_line("\r\n\r\nGET / HTTP/1.1\nHost"), "GET / HTTP/1.1");
  EXPECT_EQ(first_line("GET /unfinished"), "GET /unfinished");
  EXPECT_EQ(first_line("\r\n"), "");
  EXPECT_EQ(first_line(""), "");
}

TEST(Rfc9112_2_2, LeadingEmptyLinesAreIgnored) {
  EXPECT_EQ(status("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), accepted);
  EXPECT_EQ(parse("\r").state, State::incomplete);
}

TEST(Rfc9112_2_2, EndlessEmptyLinesAre400) {
  std::string lines;
  for (int i = 0; i < 9; ++i)
    lines += "\r\n";
  EXPECT_EQ(status(lines), 400);
  EXPECT_EQ(status(lines.substr(2) + "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), accepted);
}

TEST(Rfc9112_2_2, BareLfIs400AsSoonAsItIsSeen) {
  EXPECT_EQ(status("GET / HTTP/1.1\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\n\n"), 400);
  EXPECT_EQ(status("\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(parse("\r\n\n").reason, "bare LF in the request head");
}

TEST(Rfc9112_2_2, BareCrIs400) {
  EXPECT_EQ(line("GET /\r HTTP/1.1"), 400);
  EXPECT_EQ(fields("A: b\rc"), 400);
  EXPECT_EQ(fields("A\r: b"), 400);
  EXPECT_EQ(fields("A: b\r"), 400);
  EXPECT_EQ(status("\rGET / HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
}

TEST(Rfc9112_2_2, WhiteSpaceBeforeTheFirstFieldIs400) {
  EXPECT_EQ(status("GET / HTTP/1.1\r\n Host: x\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n\tHost: x\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n \r\nHost: x\r\n\r\n"), 400);
}

TEST(Rfc9112_2_3, BadVersionSyntaxIs400) {
  for (const auto* version : {"HTTP/1", "HTTP/1.", "HTTP/.1", "HTTP/11", "HTTP/1.1 ", "HTTP/01.1",
                              "HTTP/1.10", "http/1.1", "HTTP 1.1", "HTTP/1,1", "HTTP/a.b",
                              "HTTPS/1.1", "ICE/1.0", "RTSP/1.0", "\tHTTP/1.1", "HTTP/+1.1"}) {
    EXPECT_EQ(line("GET / "s + version), 400) << version;
  }
}

TEST(Rfc9112_2_3, Http09Is400) {
  EXPECT_EQ(line("GET /"), 400);
  EXPECT_EQ(line("GET"), 400);
  EXPECT_EQ(line("GET / "), 400);
  EXPECT_EQ(status("GET /\r\n\r\n"), 400);
}

TEST(Rfc9112_2_3, AnotherMajorVersionIs505) {
  EXPECT_EQ(line("GET / HTTP/2.0"), 505);
  EXPECT_EQ(line("GET / HTTP/0.9"), 505);
  EXPECT_EQ(status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
}

TEST(Rfc9112_2_3, AHigherMinorVersionIsReadAs11) {
  for (const auto* version : {"HTTP/1.1", "HTTP/1.2", "HTTP/1.9"}) {
    EXPECT_EQ(line("GET / "s + version), accepted);
    EXPECT_EQ(request.version, http::Version::http11);
  }
  EXPECT_EQ(line("GET / HTTP/1.0"), accepted);
  EXPECT_EQ(request.version, http::Version::http10);
}

TEST(Rfc9112_3, OneSpaceBetweenTheParts) {
  for (const auto* text :
       {"GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", "GET /a b HTTP/1.1",
        "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET / HTTP/1.1 "}) {
    EXPECT_EQ(line(text), 400) << text;
  }
}

// Fault 5.
TEST(Rfc9110_9_1, EveryTokenIsAMethod) {
  for (const auto* method : {"BREW", "GETT", "SETUP", "QUERY", "!#$%&'*+-.^_`|~09azAZ"}) {
    EXPECT_EQ(line(method + " /a?b HTTP/1.1"s), accepted) << method;
    EXPECT_EQ(request.method, method);
    EXPECT_EQ(request.target.query, "b");
  }
  EXPECT_EQ(status("QUERY / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), accepted);
  EXPECT_EQ(request.framing, http::Framing::chunked);
  EXPECT_EQ(status("BREW / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\t\r\n\r\n"), 400)
      << "what llhttp reads differently";
  EXPECT_EQ(line(std::string(64, 'A') + " / HTTP/1.1"), accepted);
  EXPECT_EQ(line(std::string(65, 'A') + " / HTTP/1.1"), 501);
}

TEST(Rfc9110_9_1, MethodsAreCaseSensitive) {
  for (const auto* method : {"get", "Post", "hEAD", "connect", "query", "m-search"})
    EXPECT_EQ(line(method + " / HTTP/1.1"s), 501) << method;
}

TEST(Rfc9110_9_1, AMethodThatIsNoTokenIs400) {
  EXPECT_EQ(line("G(T / HTTP/1.1"), 400);
  EXPECT_EQ(line("GET: / HTTP/1.1"), 400);
  EXPECT_EQ(line("G\xc3\x89T / HTTP/1.1"), 400);
}

TEST(Rfc9110_9_1, EveryMethodThatLlhttpKnowsIsAccepted) {
  for (const auto* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH",
                             "PROPFIND", "MKCALENDAR", "M-SEARCH", "REPORT", "SOURCE", "UNLINK"}) {
    EXPECT_EQ(line(method + " / HTTP/1.1"s), accepted) << method;
    EXPECT_EQ(request.method, method);
  }
}

TEST(Rfc9112_3, A8000ByteRequestLineIsAccepted) {
  EXPECT_EQ(line("GET /" + std::string(8000, 'a') + " HTTP/1.1"), accepted);
}

// Fault 4. llhttp would refuse it.
TEST(Rfc9112_3_2, BytesFrom0x80StayAsTheyAre) {
  EXPECT_EQ(line("GET /\xe9?\xc3\xa9\\ HTTP/1.1"), accepted);
  EXPECT_EQ(request.raw_target, "/\xe9?\xc3\xa9\\");
  EXPECT_EQ(line("GET /\x85\xa0 x HTTP/1.1"), 400);
}

TEST(Rfc9112_3, ATargetTooLongIs414BeforeTheLineEnds) {
  const auto target = "/" + std::string(HeadLimits{}.target_bytes_max, 'a');
  EXPECT_EQ(status("GET " + target), 414);
  EXPECT_EQ(status("GET " + target + " HTTP/1.1\r\nHo"), 414);
  EXPECT_EQ(line("GET " + target + " HTTP/1.1"), 414);
  EXPECT_EQ(line("GET " + target.substr(1) + " HTTP/1.1"), 400);  // no slash, but not too long
}

TEST(Rfc9110_5_4, AHeadTooLargeIs431BeforeItEnds) {
  const std::string large(HeadLimits{}.head_bytes_max, 'a');
  EXPECT_EQ(status("GET / HTTP/1.1\r\nA: " + large), 431);
  EXPECT_EQ(fields("A: " + large), 431);
  EXPECT_EQ(status(large + "a"), 431);
}

TEST(Rfc9110_5_4, TheBodyDoesNotCountAsHead) {
  const auto head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n"s;
  const auto result = parse(head + std::string(200, 'a'), {.head_bytes_max = head.size()});
  EXPECT_EQ(result.state, State::complete);
}

TEST(Rfc9110_5_4, TooManyFieldsAre431) {
  std::string many = "A:";
  for (int i = 2; i < 100; ++i)
    many += "\r\nA:";
  EXPECT_EQ(fields(many), accepted);
  EXPECT_EQ(fields(many + "\r\nA:"), 431);
}

TEST(Rfc9112_5_1, SpaceBeforeColonIs400) {
  EXPECT_EQ(fields("A : b"), 400);
  EXPECT_EQ(fields("A\t: b"), 400);
  EXPECT_EQ(fields("Content-Length : 5"), 400);
}

TEST(Rfc9112_5_1, EmptyOrNonTokenNameIs400) {
  for (const auto* field :
       {": b", ":", "A B: c", "A(: b", "A\"B: c", "\xc3\x84: b", "A/B: c", "A@: b"}) {
    EXPECT_EQ(fields(field), 400) << field;
  }
}

TEST(Rfc9112_5_1, MissingColonIs400) {
  EXPECT_EQ(fields("A"), 400);
  EXPECT_EQ(fields("A b"), 400);
}

TEST(Rfc9112_5_2, ObsFoldIs400) {
  EXPECT_EQ(fields("A: b\r\n c"), 400);
  EXPECT_EQ(fields("A: b\r\n\tc"), 400);
  EXPECT_EQ(fields("A:\r\n c"), 400);
}

TEST(Rfc9110_5_5, ControlBytesAre400) {
  for (int byte = 0; byte < 0x20; ++byte) {
    if (byte == '\t') continue;
    EXPECT_EQ(fields("A: b"s + static_cast<char>(byte) + "c"), 400) << byte;
    EXPECT_EQ(line("GET /"s + static_cast<char>(byte) + " HTTP/1.1"), 400) << byte;
  }
  EXPECT_EQ(fields("A: \x7f"), 400);
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nA: \0\r\n\r\n"s).reason, "NUL byte in the request head");
}

TEST(Rfc9110_5_5, TabAndObsTextAreAccepted) {
  EXPECT_EQ(fields("A: b\tc\x80\xff"), accepted);
  EXPECT_EQ(request.field("a"), "b\tc\x80\xff");
}

}  // namespace
}  // namespace cgisrv::http1
