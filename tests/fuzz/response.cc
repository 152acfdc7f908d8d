// The head that a program prints: in pieces as in one; and whatever it was, what the client is sent
// is one head whose lines are the fields that were read.
#include "cgi/response.h"

#include "base/text.h"
#include "fuzz.h"
#include "http/octets.h"
#include "http1/writer.h"

namespace cgisrv::fuzz {
namespace {

using cgi::ResponseParser;
using State = ResponseParser::State;

std::size_t feed(ResponseParser& parser, std::string_view input, bool in_pieces) {
  if (!in_pieces) return parser.feed(input);
  std::size_t taken = 0;
  for (Pieces pieces(input); !pieces.empty() && parser.state() == State::incomplete;) {
    const auto piece = pieces.next();
    const auto took = parser.feed(piece);
    CGISRV_CHECK(took == piece.size() || parser.state() != State::incomplete);
    taken += took;
  }
  return taken;
}

void check_problem(const ResponseParser& parser, std::string_view input, std::size_t taken) {
  CGISRV_CHECK(!parser.problem().empty());
  CGISRV_CHECK(parser.collected() == input.substr(0, taken));
  CGISRV_CHECK(input.contains(parser.offending_line()));
}

// A head of the server's for the program's response.
void check_written(const http::Response& response) {
  constexpr auto version = http::Version::http11;
  const auto framing = http1::choose_framing(http::content_of("GET", response), version);
  std::string head;
  http1::write_head(head, version, response, framing, true);
  CGISRV_CHECK(head.starts_with("HTTP/1.1 ") && head.ends_with("\r\n\r\n"));
  std::size_t lines = 0;
  for (std::string_view rest = head; !rest.empty(); ++lines) {
    auto line = text::take_until(rest, '\n');
    CGISRV_CHECK(line.ends_with('\r'));
    line.remove_suffix(1);
    CGISRV_CHECK(!line.contains('\r') && !line.contains('\0'));
    CGISRV_CHECK(line.empty() == rest.empty());
    const auto name = line.substr(0, line.find(':'));
    CGISRV_CHECK(lines == 0 || line.empty() || http::is_token(name));
  }
  const bool is_framed =
      framing != http1::BodyFraming::none || (response.status == 304 && response.content_length);
  CGISRV_CHECK(lines == response.fields.size() + 2 + (is_framed ? 1 : 0));
}

void check_head(const cgi::ResponseHead& head) {
  const auto& response = head.response;
  CGISRV_CHECK(response.status >= 200 && response.status <= 599);
  CGISRV_CHECK(!response.reason.contains('\n'));
  for (const auto& [name, value] : response.fields) {
    CGISRV_CHECK(http::is_token(name));
    for (const auto* never : {"Connection", "Transfer-Encoding", "Content-Length", "Status"})
      CGISRV_CHECK(!text::equals_ignoring_case(name, never));
  }
  if (head.kind == cgi::ResponseKind::local_redirect)
    CGISRV_CHECK(head.location.starts_with('/') && !head.location.starts_with("//"));
  check_written(response);
}

}  // namespace

CGISRV_FUZZ_TARGET(response) {
  ResponseParser whole;
  ResponseParser pieced;
  const auto taken = feed(whole, input, false);
  const auto taken_in_pieces = feed(pieced, input, true);
  CGISRV_CHECK(whole.state() == pieced.state());
  CGISRV_CHECK(whole.looks_headerless() == pieced.looks_headerless());
  switch (whole.state()) {
    case State::complete:
      CGISRV_CHECK(taken == taken_in_pieces && input.substr(0, taken).ends_with('\n'));
      check_head(whole.head());
      CGISRV_CHECK(whole.head().response.fields.size() == pieced.head().response.fields.size());
      break;
    case State::malformed:
      check_problem(whole, input, taken);
      check_problem(pieced, input, taken_in_pieces);
      break;
    case State::incomplete:
      CGISRV_CHECK(taken == input.size() && taken < cgi::ResponseLimits{}.head_bytes_max);
      whole.end();
      CGISRV_CHECK(whole.state() == State::malformed);
      check_problem(whole, input, taken);
      break;
  }
}

}  // namespace cgisrv::fuzz
