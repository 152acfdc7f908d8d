// The head of a request in HTTP/2: whatever fields come, what is accepted could have come by
// HTTP/1.1, and stands in limits.
#include <vector>

#include "base/text.h"
#include "fuzz.h"
#include "http/method.h"
#include "http/octets.h"
#include "http2/request_head.h"

namespace cgisrv::fuzz {
namespace {

using http2::RequestHead;

void check_field(const http::FieldView& field) {
  CGISRV_CHECK(http::is_token(field.name));
  CGISRV_CHECK(std::ranges::none_of(field.name, [](char c) { return c >= 'A' && c <= 'Z'; }));
  CGISRV_CHECK(std::ranges::all_of(field.value, [](char c) { return http::field_bytes.has(c); }));
  for (const std::string_view name :
       {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
    CGISRV_CHECK(field.name != name);
}

void check_request(const http::Request& request, const http2::HeadLimits& limits, bool has_body) {
  CGISRV_CHECK(request.version == http::Version::http2 && request.keep_alive);
  CGISRV_CHECK(http::check_method(request.method).status == 0);
  CGISRV_CHECK(!request.host.empty());
  CGISRV_CHECK(request.raw_target.size() <= limits.head_bytes_max);
  if (request.method != "CONNECT")
    CGISRV_CHECK(request.raw_target.starts_with('/') || request.raw_target == "*");
  CGISRV_CHECK(request.fields.size() <= limits.fields_max + 1);  // and a Host field of ours
  unsigned hosts = 0;
  unsigned cookies = 0;
  unsigned lengths = 0;
  for (const auto& field : request.fields) {
    check_field(field);
    hosts += field.name == "host" ? 1 : 0;
    cookies += field.name == "cookie" ? 1 : 0;
    lengths += field.name == "content-length" ? 1 : 0;
  }
  CGISRV_CHECK(hosts == 1 && cookies <= 1 && lengths <= 1);
  if (!has_body) {
    CGISRV_CHECK(request.framing != http::Framing::chunked && request.content_length == 0);
    CGISRV_CHECK(!request.expects_continue);
  }
  CGISRV_CHECK((request.framing == http::Framing::length) == (lengths == 1));
}

}  // namespace

// A byte of choices, then lines: a name, a tab, a value. A line may end with NUL instead, so that a
// value can have an LF.
CGISRV_FUZZ_TARGET(http2_head) {
  Choices choices(input);
  const unsigned choice = choices.byte();
  http2::HeadLimits limits;
  if ((choice & 1) != 0) limits = {.head_bytes_max = 200, .target_bytes_max = 40, .fields_max = 4};
  const bool has_body = (choice & 2) != 0;
  const char end = (choice & 4) != 0 ? '\0' : '\n';
  RequestHead head(limits);
  std::size_t bytes = 0;
  bool may_all_be_trailers = true;
  for (auto rest = choices.rest(); !rest.empty();) {
    auto value = text::take_until(rest, end);
    const auto name = text::take_until(value, '\t');
    bytes += name.size() + value.size();
    head.add(name, value);
    CGISRV_CHECK(head.bytes() >= bytes);
    may_all_be_trailers &= http2::may_be_trailer(name, value);
  }
  CGISRV_CHECK(head.line().ends_with(" HTTP/2.0") && head.line().size() <= 3 * 16 * 1024);
  http::Request request;
  const auto refusal = head.read(request, has_body);
  if (refusal) {
    CGISRV_CHECK(refusal.status >= 400 && refusal.status <= 599 && !refusal.reason.empty());
    return;
  }
  CGISRV_CHECK(!may_all_be_trailers);  // there is a :method among them
  CGISRV_CHECK(head.bytes() <= limits.head_bytes_max);
  CGISRV_CHECK(head.asks_for_no_content() == (request.method == "HEAD"));
  check_request(request, limits, has_body);
}

}  // namespace cgisrv::fuzz
