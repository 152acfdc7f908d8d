#include "http2/request_head.h"

#include <algorithm>

#include "base/text.h"
#include "http/method.h"
#include "http/octets.h"
#include "http/target.h"

namespace cgisrv::http2 {

using http::Framing;
using http::Request;

namespace {

constexpr std::size_t line_bytes_max = 1024;
constexpr std::size_t field_overhead = 4;  // of a field in HTTP/1.1: colon, space, CR, LF

constexpr Refusal bad(std::string_view reason) {
  return {400, reason};
}

Refusal check_value(std::string_view value) {
  const auto* const at =
      std::ranges::find_if(value, [](char c) { return !http::field_bytes.has(c); });
  if (at != value.end())
    return bad(*at == '\0' ? "NUL byte in the request head" : "control byte in the request head");
  // RFC 9113 section 8.2.1.
  if (text::trim(value).size() != value.size()) return bad("white space around a field's value");
  return {};
}

Refusal check_name(std::string_view name) {
  if (name.empty()) return bad("an empty field name");
  if (!http::is_token(name)) return bad("a field name that is not a token");
  if (std::ranges::any_of(name, [](char c) { return text::lower(c) != c; }))
    return bad("a field name with capitals, which HTTP/2 does not have");
  return {};
}

// RFC 9113 section 8.2.2.
Refusal check_connection_field(std::string_view name, std::string_view value) {
  using namespace std::string_view_literals;
  constexpr std::string_view of_connections[] = {
      "connection"sv, "keep-alive"sv, "proxy-connection"sv, "transfer-encoding"sv, "upgrade"sv};
  if (std::ranges::find(of_connections, name) != std::end(of_connections))
    return bad("a field of the connection, which HTTP/2 does not have");
  if (name == "te" && !text::equals_ignoring_case(value, "trailers"))
    return bad("a TE field other than trailers");
  return {};
}

std::size_t count(const Request& request, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count(request.fields, name, &http::FieldView::name));
}

// RFC 9113 section 8.3.1: where both name a host, they name the same.
Refusal read_host(Request& request, std::string_view authority, bool has_authority) {
  if (count(request, "host") > 1) return bad("more than one Host field");
  const auto field = request.field("host");
  if (!has_authority && !field) return bad("neither :authority nor a Host field");
  if (has_authority && field && !text::equals_ignoring_case(authority, *field))
    return bad("a Host field that differs from :authority");
  const auto host = http::parse_authority(has_authority ? authority : *field);
  if (!host) return bad(has_authority ? "malformed :authority" : "malformed Host field");
  if (host->host.empty()) return bad(has_authority ? "an empty :authority" : "an empty Host field");
  request.host = host->host;
  request.port = host->port;
  // Programs and rules find it where HTTP/1.1 has it.
  if (has_authority && !field) request.fields.insert(request.fields.begin(), {"host", authority});
  return {};
}

Refusal read_framing(Request& request, bool has_body) {
  const auto lengths = count(request, "content-length");
  if (lengths > 1) return bad("more than one Content-Length field");
  if (lengths == 0) {
    if (has_body) request.framing = Framing::chunked;
    return {};
  }
  const auto length = http::parse_content_length(request.field("content-length").value_or(""));
  if (!length) return bad(length.error());
  if (!has_body && *length > 0) return bad("a Content-Length, and no body of that length");
  request.framing = Framing::length;
  request.content_length = *length;
  return {};
}

// RFC 9110 section 10.1.1.
Refusal read_expect(Request& request, bool has_body) {
  for (const auto& field : request.fields) {
    if (field.name != "expect") continue;
    for (auto rest = field.value; !rest.empty();) {
      const auto expectation = text::trim(text::take_until(rest, ','));
      if (expectation.empty()) continue;
      if (!text::equals_ignoring_case(expectation, "100-continue"))
        return {417, "an expectation other than 100-continue"};
      request.expects_continue = has_body;
    }
  }
  return {};
}

}  // namespace

void RequestHead::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + field_overhead;
  if (!refusal_) refusal_ = take(name, value);
}

Refusal RequestHead::take(std::string_view name, std::string_view value) {
  const bool is_path = name == ":path";
  if (is_path && value.size() > limits_.target_bytes_max)
    return {414, "the request target is too long"};
  if (bytes_ > limits_.head_bytes_max) return {431, "the request head is too large"};
  if (const auto refusal = check_value(value)) return refusal;
  return name.starts_with(':') ? take_pseudo(name, value) : take_field(name, value);
}

Refusal RequestHead::take_pseudo(std::string_view name, std::string_view value) {
  if (has_fields_) return bad("a pseudo-header field after other fields");
  Part* const part = name == ":method"      ? &method_
                     : name == ":scheme"    ? &scheme_
                     : name == ":authority" ? &authority_
                     : name == ":path"      ? &path_
                                            : nullptr;
  if (name == ":protocol") return bad("an extended CONNECT, which this server does not offer");
  if (part == nullptr) return bad("a pseudo-header field that requests do not have");
  if (part->is_there) return bad("a pseudo-header field twice");
  *part = keep(value);
  return {};
}

Refusal RequestHead::take_field(std::string_view name, std::string_view value) {
  has_fields_ = true;
  if (const auto refusal = check_name(name)) return refusal;
  if (const auto refusal = check_connection_field(name, value)) return refusal;
  const std::size_t cookies = cookies_.empty() ? 0 : 1;
  // A cookie may come in parts, RFC 9113 section 8.2.3.
  const bool is_part = name == "cookie" && cookies > 0;
  if (!is_part && fields_.size() + cookies >= limits_.fields_max)
    return {431, "too many fields in the request head"};
  if (name == "cookie") {
    if (is_part) cookies_ += "; ";
    cookies_ += value;
    return {};
  }
  const Part kept_name = keep(name);
  fields_.push_back({kept_name, keep(value)});
  return {};
}

RequestHead::Part RequestHead::keep(std::string_view text) {
  const Part part{text_.size(), text.size(), true};
  text_ += text;
  return part;
}

Refusal RequestHead::read_target(Request& request) const {
  if (!method_.is_there) return bad("no :method");
  if (const auto fault = http::check_method(request.method); fault.status != 0)
    return {fault.status, fault.reason};
  if (request.method == "CONNECT") {
    if (scheme_.is_there || path_.is_there) return bad("CONNECT with :scheme or :path");
    if (!authority_.is_there) return bad("CONNECT without :authority");
  } else {
    if (!scheme_.is_there) return bad("no :scheme");
    if (!path_.is_there) return bad("no :path");
    const std::string_view scheme = view(scheme_);
    if (!text::equals_ignoring_case(scheme, "http") && !text::equals_ignoring_case(scheme, "https"))
      return bad("a :scheme other than http and https");
    if (!request.raw_target.starts_with('/') && request.raw_target != "*")
      return bad("malformed request target");
  }
  const auto target = http::parse_target(request.method, request.raw_target);
  if (!target) return bad("malformed request target");
  request.target = *target;
  return {};
}

Refusal RequestHead::read(Request& request, bool has_body) {
  if (refusal_) return refusal_;
  if (!cookies_.empty()) {
    const Part name = keep("cookie");
    fields_.push_back({name, keep(cookies_)});
  }
  const std::string_view text = request.reset(text_);
  const auto in = [text](const Part& part) { return text.substr(part.begin, part.size); };
  request.version = http::Version::http2;
  request.keep_alive = true;
  request.method = in(method_);
  request.raw_target = in(request.method == "CONNECT" ? authority_ : path_);
  for (const auto& [name, value] : fields_)
    request.fields.push_back({in(name), in(value)});
  if (const auto refusal = read_target(request)) return refusal;
  if (const auto refusal = read_host(request, in(authority_), authority_.is_there)) return refusal;
  if (const auto refusal = read_framing(request, has_body)) return refusal;
  return read_expect(request, has_body);
}

bool may_be_trailer(std::string_view name, std::string_view value) {
  return !check_name(name) && !check_value(value) && !check_connection_field(name, value);
}

std::string RequestHead::line() const {
  std::string line(view(method_));
  line.append(" ").append(view(path_.is_there ? path_ : authority_).substr(0, line_bytes_max));
  return line.append(" ").append(http::text_of(http::Version::http2));
}

}  // namespace cgisrv::http2
