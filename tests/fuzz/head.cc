// The head of a request. In pieces it reads as in one; written again from what was read, it reads
// the same; and what is accepted keeps to the grammar that the rest of the server relies on.
#include "http1/head.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "fuzz.h"
#include "http/octets.h"
#include "request.h"

namespace cgisrv::fuzz {
namespace {

using http::Request;
using http1::HeadStatus;

std::ptrdiff_t count(const Request& request, std::string_view name) {
  return std::ranges::count_if(request.fields, [&](const http::FieldView& field) {
    return text::equals_ignoring_case(field.name, name);
  });
}

void check_refusal(const HeadStatus& result) {
  static constexpr std::array statuses = {400, 414, 417, 431, 501, 505};
  CGISRV_CHECK(std::ranges::count(statuses, result.status) == 1);
  CGISRV_CHECK(!result.reason.empty() && is_printable(result.reason));
}

void check_host(const Request& request) {
  CGISRV_CHECK(count(request, "Host") <= 1);
  CGISRV_CHECK(request.version == http::Version::http10 || count(request, "Host") == 1);
  if (request.host.starts_with('[')) {
    CGISRV_CHECK(request.host.ends_with(']'));
    CGISRV_CHECK(request.host.find_first_not_of("[]:.0123456789abcdefABCDEF") ==
                 std::string_view::npos);
  } else {
    CGISRV_CHECK(http::host_bytes.has_all(request.host));
  }
}

void check_framing(const Request& request) {
  const auto lengths = count(request, "Content-Length");
  const auto codings = count(request, "Transfer-Encoding");
  switch (request.framing) {
    case http::Framing::none:
      CGISRV_CHECK(lengths == 0 && codings == 0);
      break;
    case http::Framing::length: {
      CGISRV_CHECK(lengths == 1 && codings == 0);
      auto digits = *request.field("content-length");
      while (digits.size() > 1 && digits[0] == '0')
        digits.remove_prefix(1);
      CGISRV_CHECK(digits == std::to_string(request.content_length));
      break;
    }
    case http::Framing::chunked:
      CGISRV_CHECK(lengths == 0 && request.version == http::Version::http11);
      // Empty members of the list may stand in further fields.
      CGISRV_CHECK(text::equals_ignoring_case(*request.joined("transfer-encoding"), "chunked") ||
                   codings > 1 || request.joined("transfer-encoding")->contains(','));
      break;
  }
}

void check_request(const Request& request) {
  CGISRV_CHECK(http::is_token(request.method));
  CGISRV_CHECK(!request.raw_target.empty() && http::target_bytes.has_all(request.raw_target));
  for (const auto& [name, value] : request.fields) {
    CGISRV_CHECK(http::is_token(name));
    CGISRV_CHECK(http::field_bytes.has_all(value) && text::trim(value) == value);
  }
  check_host(request);
  check_framing(request);
}

std::string written(const Request& request) {
  std::string head;
  head.append(request.method).append(" ").append(request.raw_target);
  head.append(request.version == http::Version::http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (const auto& [name, value] : request.fields)
    head.append(name).append(":").append(value).append("\r\n");
  return head + "\r\n";
}

void check_same(const Request& a, const Request& b) {
  CGISRV_CHECK(written(a) == written(b));
  CGISRV_CHECK(a.target.form == b.target.form && a.target.path == b.target.path);
  CGISRV_CHECK(a.target.query == b.target.query && a.target.has_query == b.target.has_query);
  CGISRV_CHECK(a.host == b.host && a.port == b.port);
  CGISRV_CHECK(a.framing == b.framing && a.content_length == b.content_length);
  CGISRV_CHECK(a.keep_alive == b.keep_alive && a.expects_continue == b.expects_continue);
}

HeadStatus parse_in_pieces(std::string_view input, Request& request) {
  HeadStatus result;
  std::size_t scanned = 0;
  std::size_t here = 0;
  for (Pieces pieces(input); !pieces.empty() && result.state == HeadStatus::State::incomplete;) {
    here += pieces.next().size();
    result = http1::parse_head(input.substr(0, here), scanned, {}, request);
    CGISRV_CHECK(scanned <= here);
  }
  return result;
}

// Where the limits are tighter, the same head is accepted as the same, or refused for its size.
void check_limits(std::string_view input, const HeadStatus& whole, const Request& request) {
  Request small;
  const auto result =
      parse(input, small, {.head_bytes_max = 200, .target_bytes_max = 40, .fields_max = 5});
  if (result.state == HeadStatus::State::complete) {
    CGISRV_CHECK(whole.state == HeadStatus::State::complete && whole.consumed == result.consumed);
    check_same(small, request);
  } else if (whole.state == HeadStatus::State::complete) {
    CGISRV_CHECK(result.status == 414 || result.status == 431);
  }
}

}  // namespace

CGISRV_FUZZ_TARGET(head) {
  Request request;
  const auto whole = parse(input, request);
  check_limits(input, whole, request);
  Request pieced;
  const auto in_pieces = parse_in_pieces(input, pieced);
  CGISRV_CHECK(in_pieces.state == whole.state);
  if (whole.state == HeadStatus::State::refused) check_refusal(whole);
  if (whole.state != HeadStatus::State::complete) return;
  CGISRV_CHECK(in_pieces.consumed == whole.consumed);
  CGISRV_CHECK(input.substr(0, whole.consumed).ends_with("\r\n\r\n"));
  check_same(request, pieced);
  check_request(request);
  const auto again = written(request);
  CGISRV_CHECK(parse(again, pieced).consumed == again.size());
  check_same(request, pieced);
}

}  // namespace cgisrv::fuzz
