#include "differences.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace cgisrv::differential {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Beast keeps fields of one name together, which changes nothing: their order is by name here.
Fields by_name(Fields fields) {
  for (auto& [name, value] : fields)
    std::ranges::transform(name, name.begin(), text::lower);
  std::ranges::stable_sort(fields, {}, &Fields::value_type::first);
  return fields;
}

std::string_view what_differs(const Opinion& ours, const Opinion& theirs) {
  if (ours.bytes != theirs.bytes) return "another end of the head";
  if (ours.method != theirs.method) return "another method";
  if (ours.target != theirs.target) return "another target";
  if (ours.version != theirs.version) return "another version";
  if (by_name(ours.fields) != by_name(theirs.fields)) return "other fields";
  if (ours.chunked != theirs.chunked || ours.length != theirs.length) return "another body";
  if (ours.keep_alive != theirs.keep_alive)
    return theirs.keep_alive ? "keeps the connection open" : "closes the connection";
  return {};
}

bool begins_with_empty_line(std::string_view head) {
  return head.starts_with("\r\n");
}

bool has_byte_from_0x80(std::string_view head) {
  return std::ranges::any_of(head, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

bool has_proxy_connection(std::string_view head) {
  std::string lower(head);
  std::ranges::transform(lower, lower.begin(), text::lower);
  return lower.contains("\r\nproxy-connection:");
}

constexpr Difference all[] = {
    {.ours = accepts,
     .llhttp = "refuses: HPE_INVALID_VERSION",
     .beast = "refuses: bad version",
     .example = "GET / HTTP/1.2\r\nHost: x\r\n\r\n",
     .why = "RFC 9110 §2.5: a higher minor version is read as the highest one that is known."},
    {.ours = accepts,
     .llhttp = "refuses: HPE_INVALID_URL",
     .beast = "",
     .example = "GET /?\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
     .why = "RFC 9112 §3.2 has a URI there, but many clients do not encode what is not ASCII; a "
            "target ends at a space all the same.",
     .applies = has_byte_from_0x80},
    {.ours = accepts,
     .llhttp = "refuses: HPE_INVALID_METHOD",
     .beast = "",
     .example = "BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
     .why = "RFC 9110 §9.1: a method is any token; programs may know more of them."},
    {.ours = accepts,
     .llhttp = "",
     .beast = "refuses: bad method",
     .example = "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
     .why = "RFC 9112 §2.2: an empty line before a request is ignored.",
     .applies = begins_with_empty_line},
    {.ours = accepts,
     .llhttp = "",
     .beast = "refuses: bad value",
     .example = "GET / HTTP/1.1\r\nHost: x\r\nProxy-Connection: a b\r\n\r\n",
     .why = "RFC 9110 §5.1: a field that HTTP does not define is ignored.",
     .applies = has_proxy_connection},
    {.ours = accepts,
     .llhttp = "closes the connection",
     .beast = "closes the connection",
     .example = "GET / HTTP/1.1\r\nHost: x\r\nProxy-Connection: close\r\n\r\n",
     .why = "RFC 9112 §9.3: Connection decides; HTTP does not define Proxy-Connection.",
     .applies = has_proxy_connection},
    {.ours = accepts,
     .llhttp = "keeps the connection open",
     .beast = "keeps the connection open",
     .example = "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
     .why = "RFC 9112 §9.3: close comes before keep-alive."},
    {.ours = accepts,
     .llhttp = "keeps the connection open",
     .beast = "",
     .example = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\t\r\n\r\n",
     .why = "RFC 9110 §5.5: a tab after a value is not part of it."},
    {.ours = accepts,
     .llhttp = "closes the connection",
     .beast = "",
     .example = "GET / HTTP/1.0\r\nConnection: keep-alive\t\r\n\r\n",
     .why = "RFC 9110 §5.5: the same."},

    // ---- the request line
    {.ours = "too many empty lines before the request",
     .llhttp = accepts,
     .beast = "",
     .example = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
     .why = "RFC 9112 §2.2 asks to ignore one; eight are ignored."},
    {.ours = "bare CR in the request head",
     .llhttp = accepts,
     .beast = "",
     .example = "\rGET / HTTP/1.1\r\nHost: x\r\n\r\n",
     .why = "RFC 9112 §2.2: a bare CR is invalid."},
    {.ours = "bare LF in the request head",
     .llhttp = accepts,
     .beast = "",
     .example = "GET / HTTP/1.1\nHost: x\r\n\r\n",
     .why = "RFC 9112 §2.2 allows it, but a parser that does not takes two lines for one."},
    {.ours = "a request method in the wrong case; methods are case-sensitive",
     .llhttp = "",
     .beast = accepts,
     .example = "get / HTTP/1.1\r\nHost: x\r\n\r\n",
     .why = "RFC 9110 §9.1: methods are case-sensitive, but some parsers ignore that."},
    {.ours = "a space too many in the request line",
     .llhttp = accepts,
     .beast = "",
     .example = "GET   /\r\n\r\n",
     .why = "RFC 9112 §3: single spaces."},
    {.ours = "malformed request target",
     .llhttp = accepts,
     .beast = accepts,
     .example = "GET /# HTTP/1.1\r\nHost: x\r\n\r\n",
     .why = "RFC 9112 §3.2: no fragment in a target. Likewise a backslash in the path, which some "
            "take for a slash."},
    {.ours = "no HTTP version in the request line (HTTP/0.9 is not served)",
     .llhttp = accepts,
     .beast = "",
     .example = "GET /\r\n\r\n",
     .why = "RFC 9112 §3: a request line ends with a version."},
    {.ours = "malformed HTTP version in the request line",
     .llhttp = accepts,
     .beast = "",
     .example = "GET  /\r\n\r\n",
     .why = "RFC 9112 §2.3: HTTP/digit.digit."},
    {.ours = "an HTTP version other than 1.0 and 1.1",
     .llhttp = accepts,
     .beast = "",
     .example = "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
     .why = "RFC 9110 §15.6.6: 505; HTTP/2 is not this syntax."},

    // ---- fields
    {.ours = "an empty field name",
     .llhttp = accepts,
     .beast = "",
     .example = "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
     .why = "RFC 9110 §5.1: a name is a token, and a token is not empty."},
    {.ours = "a field that goes on in the next line (obs-fold)",
     .llhttp = accepts,
     .beast = accepts,
     .example = "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
     .why =
         "RFC 9112 §5.2: 400, or a space instead; a parser that does neither sees other fields."},
    {.ours = "no Host field",
     .llhttp = accepts,
     .beast = accepts,
     .example = "GET / HTTP/1.1\r\n\r\n",
     .why = "RFC 9112 §3.2: 400."},
    {.ours = "more than one Host field",
     .llhttp = accepts,
     .beast = accepts,
     .example = "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
     .why = "RFC 9112 §3.2: 400."},
    {.ours = "malformed Host field",
     .llhttp = accepts,
     .beast = accepts,
     .example = "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
     .why = "RFC 9112 §3.2: 400."},
    {.ours = "an empty Host field",
     .llhttp = accepts,
     .beast = accepts,
     .example = "GET / HTTP/1.1\r\nHost:\r\n\r\n",
     .why = "RFC 9110 §4.2.1: no http URI is without a host."},
    {.ours = "a Connection field that is no list of tokens",
     .llhttp = accepts,
     .beast = "",
     .example = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close;\r\n\r\n",
     .why = "RFC 9110 §7.6.1: options are tokens; one of two readers would see a close."},
    {.ours = "an expectation other than 100-continue",
     .llhttp = accepts,
     .beast = accepts,
     .example = "GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n",
     .why = "RFC 9110 §10.1.1: 417."},

    // ---- the body's framing
    {.ours = "more than one Content-Length field",
     .llhttp = "",
     .beast = accepts,
     .example = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
     .why = "RFC 9112 §6.3: equal ones may be refused too, and no client has to send them."},
    {.ours = "Content-Length is not a number",
     .llhttp = "",
     .beast = accepts,
     .example = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\n",
     .why = "The same, in one field."},
    {.ours = "Transfer-Encoding in HTTP/1.0",
     .llhttp = accepts,
     .beast = accepts,
     .example = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
     .why = "RFC 9112 §6.1: faulty framing, whatever it says."},
    {.ours = "the last transfer coding is not chunked",
     .llhttp = accepts,
     .beast = accepts,
     .example = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
     .why = "RFC 9112 §6.3: 400, since the body's end cannot be known."},
    {.ours = "the chunked transfer coding applied more than once",
     .llhttp = "",
     .beast = accepts,
     .example = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
     .why = "RFC 9112 §6.1: never twice."},
    {.ours = "the chunked transfer coding applied more than once",
     .llhttp = accepts,
     .beast = "",
     .example = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\t\r\n"
                "Transfer-Encoding: chunked\r\n\r\n",
     .why = "The same; llhttp does not see the one with the tab."},
    {.ours = "a transfer coding other than chunked",
     .llhttp = accepts,
     .beast = accepts,
     .example = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
     .why = "RFC 9112 §6.1: 501 for a coding that is not understood."},
    {.ours = "both Transfer-Encoding and Content-Length",
     .llhttp = "",
     .beast = accepts,
     .example = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\nContent-Length: 3\r\n\r\n",
     .why = "RFC 9112 §6.1: it may be an attempt at smuggling, and may be refused."},
    {.ours = "both Transfer-Encoding and Content-Length",
     .llhttp = accepts,
     .beast = "",
     .example = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding:\r\n\r\n",
     .why = "The same, in the other order."},
    {.ours = "a request head that llhttp reads differently",
     .llhttp = accepts,
     .beast = accepts,
     .example = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\t\r\n\r\n",
     .why =
         "The tab is allowed, but with it llhttp does not see chunks, and others may not either."},
    {.ours = "a request head that llhttp reads differently",
     .llhttp = "",
     .beast = accepts,
     .example = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\t\r\n\r\n",
     .why = "The tab is allowed, but some parsers see no length then, so it is refused."},
};

constexpr std::string_view introduction = R"(# Second opinions on the request head

<!-- Generated from tests/differential/differences.cc; edit that. -->

A client smuggles a request past a proxy when two servers read the same bytes differently. So the
tests let three parsers read each head: cgisrv's own, [llhttp](https://llhttp.org) alone (Node.js),
and that of [Boost.Beast](https://www.boost.org/libs/beast). They read the fuzzers' corpora and a
million heads made from them. Each difference is a line of this page, with the reason why cgisrv's
decision is right. The test fails on a difference that is not listed, and on a line that no head
shows any more.

The server itself also asks llhttp about each head that its own parser accepts, and refuses what
llhttp refuses. There are three exceptions: the version, methods that llhttp does not know, and
bytes from 0x80 in a target.
)";

// In Markdown, between the bars of a table.
std::string code(std::string_view head) {
  std::string all = "`";
  for (const char c : head) {
    if (c == '\r') {
      all += "\\r";
    } else if (c == '\n') {
      all += "\\n";
    } else if (c == '\t') {
      all += "\\t";
    } else {
      all += c;
    }
  }
  return all + "`";
}

std::string section(std::string_view title, bool accepted) {
  std::string text = fmt::format(
      "\n## {}\n\n| a head such as | cgisrv | llhttp | Boost.Beast | why "
      "|\n|---|---|---|---|---|\n",
      title);
  const std::string_view same = accepted ? accepts : "refuses";
  for (const auto& row : all) {
    const auto ours = ask_ours(row.example);
    if (ours.accepted() != accepted) continue;
    fmt::format_to(std::back_inserter(text), "| {} | {} | {} | {} | {} |\n", code(row.example),
                   accepted ? std::string(accepts) : fmt::format("{}: {}", ours.status, ours.why),
                   row.llhttp.empty() ? same : row.llhttp, row.beast.empty() ? same : row.beast,
                   row.why);
  }
  return text;
}

}  // namespace

Verdicts compare(const Opinion& ours, const Opinion& theirs) {
  using Verdict = Opinion::Verdict;
  if (!ours.accepted()) return {ours.why, std::string(theirs.accepted() ? accepts : "")};
  Verdicts verdicts{.ours = std::string(accepts), .theirs = {}};
  if (theirs.accepted()) verdicts.theirs = what_differs(ours, theirs);
  if (theirs.verdict == Verdict::incomplete) verdicts.theirs = "waits for more";
  if (theirs.verdict == Verdict::refused) verdicts.theirs = "refuses: " + theirs.why;
  return verdicts;
}

std::span<const Difference> differences() {
  return all;
}

std::string differences_page() {
  return std::string(introduction) + section("Accepted here", true) +
         section("Refused here, accepted by another", false);
}

}  // namespace cgisrv::differential
