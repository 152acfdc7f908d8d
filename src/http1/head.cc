#include "http1/head.h"

#include <llhttp.h>

#include <algorithm>

#include "base/text.h"
#include "http/method.h"
#include "http/octets.h"
#include "http/target.h"
#include "http1/foreign.h"

namespace cgisrv::http1 {

using http::Framing;
using http::is_token;
using http::Request;
using http::Version;

namespace {

// RFC 9112 section 2.2 asks to ignore "at least one"; some clients send a few after a body.
constexpr std::size_t empty_lines_max = 8;

constexpr std::string_view stand_in = "POST";  // for llhttp, in place of an unknown method

#define CGISRV_METHOD(number, name, text) #text,
constexpr std::string_view llhttp_methods[] = {HTTP_METHOD_MAP(CGISRV_METHOD)};
#undef CGISRV_METHOD

struct Fault {
  int status = 0;  // 0: none
  std::string_view reason;
  explicit operator bool() const { return status != 0; }
};

constexpr Fault bad(std::string_view reason) {
  return {400, reason};
}

Fault check_bytes(std::string_view line) {
  const auto* const at =
      std::ranges::find_if(line, [](char c) { return !http::field_bytes.has(c); });
  if (at == line.end()) return {};
  if (*at == '\r') return bad("bare CR in the request head");
  return bad(*at == '\0' ? "NUL byte in the request head" : "control byte in the request head");
}

// Takes one line off `lines`, in which every LF follows a CR; returns it without them.
std::string_view take_line(std::string_view& lines) {
  auto line = text::take_until(lines, '\n');
  line.remove_suffix(1);
  return line;
}

Fault read_version(std::string_view version, Request& request) {
  if (version.size() != 8 || !version.starts_with("HTTP/") || !text::is_digit(version[5]) ||
      version[6] != '.' || !text::is_digit(version[7])) {
    return bad("malformed HTTP version in the request line");
  }
  if (version[5] != '1') return {505, "an HTTP version other than 1.0 and 1.1"};
  request.version = version[7] == '0' ? Version::http10 : Version::http11;
  return {};
}

Fault read_request_line(std::string_view line, Request& request) {
  if (const auto fault = check_bytes(line)) return fault;
  const auto spaces = std::ranges::count(line, ' ');
  request.method = text::take_until(line, ' ');
  request.raw_target = text::take_until(line, ' ');
  if (spaces < 2) return bad("no HTTP version in the request line (HTTP/0.9 is not served)");
  if (spaces > 2) return bad("a space too many in the request line");
  if (const auto fault = read_version(line, request)) return fault;
  if (const auto fault = http::check_method(request.method); fault.status != 0)
    return {fault.status, fault.reason};
  const auto target = http::parse_target(request.method, request.raw_target);
  if (!target) return bad("malformed request target");
  request.target = *target;
  return {};
}

Fault read_field(std::string_view line, Request& request) {
  if (const auto fault = check_bytes(line)) return fault;
  if (line.front() == ' ' || line.front() == '\t') {
    return bad(request.fields.empty() ? "white space before the first field"
                                      : "a field that goes on in the next line (obs-fold)");
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return bad("a field line without a colon");
  const auto name = line.substr(0, colon);
  if (!is_token(name)) {
    if (name.empty()) return bad("an empty field name");
    return bad(name.back() == ' ' || name.back() == '\t' ? "white space before a field's colon"
                                                         : "a field name that is not a token");
  }
  request.fields.push_back({name, text::trim(line.substr(colon + 1))});
  return {};
}

Fault read_fields(std::string_view lines, std::size_t fields_max, Request& request) {
  while (!lines.empty()) {
    if (request.fields.size() == fields_max) return {431, "too many fields in the request head"};
    if (const auto fault = read_field(take_line(lines), request)) return fault;
  }
  return {};
}

std::size_t count(const Request& request, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(
      request.fields, [&](const auto& f) { return text::equals_ignoring_case(f.name, name); }));
}

// Calls `visit` with each member, even empty ones, of the lists in all fields of that name.
template <typename Visit>
void for_each_member(const Request& request, std::string_view name, Visit visit) {
  for (const auto& field : request.fields) {
    if (!text::equals_ignoring_case(field.name, name)) continue;
    auto rest = field.value;
    for (bool last = false; !last;) {
      last = !rest.contains(',');
      visit(text::trim(text::take_until(rest, ',')));
    }
  }
}

// RFC 9112 section 3.2: the target's own host has precedence, but Host must still be valid.
Fault read_host(Request& request) {
  if (count(request, "host") > 1) return bad("more than one Host field");
  if (const auto field = request.field("host")) {
    const auto authority = http::parse_authority(*field);
    if (!authority) return bad("malformed Host field");
    request.host = authority->host;
    request.port = authority->port;
    // RFC 9110 section 4.2.1: every http URI has a host.
    if (request.host.empty() && request.target.host.empty() && request.version == Version::http11)
      return bad("an empty Host field");
  } else if (request.version == Version::http11) {
    return bad("no Host field");
  }
  if (!request.target.host.empty()) {
    request.host = request.target.host;
    request.port = request.target.port;
  }
  return {};
}

Fault read_transfer_encoding(Request& request) {
  if (request.version == Version::http10) return bad("Transfer-Encoding in HTTP/1.0");
  std::size_t codings = 0;
  std::size_t chunked = 0;
  bool chunked_last = false;
  for_each_member(request, "transfer-encoding", [&](std::string_view coding) {
    chunked_last = text::equals_ignoring_case(coding, "chunked");
    codings += 1;
    chunked += chunked_last ? 1 : 0;
  });
  if (!chunked_last) return bad("the last transfer coding is not chunked");
  if (chunked > 1) return bad("the chunked transfer coding applied more than once");
  if (codings > 1) return {501, "a transfer coding other than chunked"};
  request.framing = Framing::chunked;
  return {};
}

// RFC 9112 section 6.3. Refuses what two servers in a row could read differently.
Fault read_framing(Request& request) {
  const auto lengths = count(request, "content-length");
  if (count(request, "transfer-encoding") > 0) {
    return lengths > 0 ? bad("both Transfer-Encoding and Content-Length")
                       : read_transfer_encoding(request);
  }
  if (lengths == 0) return {};
  if (lengths > 1) return bad("more than one Content-Length field");
  const auto length = http::parse_content_length(request.field("content-length").value_or(""));
  if (!length) return bad(length.error());
  request.framing = Framing::length;
  request.content_length = *length;
  return {};
}

// RFC 9112 section 9.3, RFC 9110 section 7.6.1. Readers disagree about "close;".
Fault read_connection(Request& request) {
  bool tokens = true;
  bool close = false;
  bool keep_alive = request.version == Version::http11;
  for_each_member(request, "connection", [&](std::string_view option) {
    tokens &= option.empty() || is_token(option);
    close |= text::equals_ignoring_case(option, "close");
    keep_alive |= text::equals_ignoring_case(option, "keep-alive");
  });
  request.keep_alive = keep_alive && !close;
  return tokens ? Fault{} : bad("a Connection field that is no list of tokens");
}

// RFC 9110 section 10.1.1.
Fault read_expect(Request& request) {
  if (request.version == Version::http10) return {};
  bool known = true;
  bool waits = false;
  for_each_member(request, "expect", [&](std::string_view expectation) {
    const bool is_continue = text::equals_ignoring_case(expectation, "100-continue");
    waits |= is_continue;
    known &= is_continue || expectation.empty();
  });
  if (!known) return {417, "an expectation other than 100-continue"};
  request.expects_continue =
      waits && (request.framing == Framing::chunked || request.content_length > 0);
  return {};
}

bool frames_alike(const llhttp_t& parser, const Request& request) {
  const bool has_length = (parser.flags & F_CONTENT_LENGTH) != 0;
  return ((parser.flags & F_CHUNKED) != 0) == (request.framing == Framing::chunked) &&
         has_length == (request.framing == Framing::length) &&
         (!has_length || parser.content_length == request.content_length);
}

// `target` is part of `head`.
std::string with_ascii_target(std::string_view head, std::string_view target) {
  std::string plain(head);
  const auto begin = plain.begin() + (target.data() - head.data());
  const auto end = begin + static_cast<std::ptrdiff_t>(target.size());
  std::replace_if(
      begin, end, [](char c) { return !http::ascii.has(c); }, 'x');
  return plain;
}

// Smuggling relies on two readings of one head. So llhttp reads it too and must find the same end,
// number of fields and body. It gets the target without bytes from 0x80, which its strict mode
// refuses: they frame nothing.
Fault ask_llhttp(std::string_view head, const Request& request) {
  static const llhttp_settings_t settings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_header_value_complete = [](llhttp_t* parser) {
      ++*static_cast<std::size_t*>(parser->data);
      return 0;
    };
    s.on_headers_complete = [](llhttp_t*) { return static_cast<int>(HPE_PAUSED); };
    return s;
  }();
  std::size_t fields = 0;
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = &fields;
  parser.lenient_flags = LENIENT_VERSION;  // 1.2 and up are read as 1.1, RFC 9110 section 2.5
  std::string plain;
  if (!http::ascii.has_all(request.raw_target))
    head = plain = with_ascii_target(head, request.raw_target);
  auto rest = head;
  if (std::ranges::find(llhttp_methods, request.method) == std::end(llhttp_methods)) {
    rest.remove_prefix(request.method.size());
    llhttp_execute(&parser, stand_in.data(), stand_in.size());
  }
  const auto outcome = llhttp_execute(&parser, rest.data(), rest.size());
  const bool agreed = outcome == HPE_PAUSED && fields == request.fields.size() &&
                      llhttp_get_error_pos(&parser) == head.data() + head.size() &&
                      frames_alike(parser, request);
  return agreed ? Fault{} : bad("a request head that llhttp reads differently");
}

Fault read_head(std::string_view head, std::size_t fields_max, Request& request) {
  auto lines = head.substr(0, head.size() - 2);
  if (const auto fault = read_request_line(take_line(lines), request)) return fault;
  if (const auto fault = read_fields(lines, fields_max, request)) return fault;
  for (const auto step : {read_host, read_framing, read_connection, read_expect}) {
    if (const auto fault = step(request)) return fault;
  }
  return ask_llhttp(head, request);
}

std::size_t skip_empty_lines(std::string_view bytes) {
  std::size_t begin = 0;
  while (begin < 2 * empty_lines_max && bytes.substr(begin).starts_with("\r\n"))
    begin += 2;
  return begin;
}

// Moves `scanned` past the empty line that ends the head, or to the end of `bytes`. A bare LF is
// refused at once, because its sender may wait for a response before sending more.
Fault find_end(std::string_view bytes, std::size_t begin, std::size_t& scanned, bool& found) {
  for (scanned = std::max(scanned, begin); !found && scanned < bytes.size();) {
    const auto lf = bytes.find('\n', scanned);
    if (lf == std::string_view::npos) {
      scanned = bytes.size();
    } else {
      if (lf == begin || bytes[lf - 1] != '\r') return bad("bare LF in the request head");
      if (lf == begin + 1) return bad("too many empty lines before the request");
      found = bytes[lf - 2] == '\n';
      scanned = lf + 1;
    }
  }
  return {};
}

// Of the target at the front of a head that may be cut anywhere.
std::size_t target_size(std::string_view head) {
  const auto line = head.substr(0, head.find('\r'));
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return 0;
  return line.substr(space + 1, line.find(' ', space + 1) - space - 1).size();
}

Fault check_start(std::string_view head, const HeadLimits& limits) {
  if (!head.empty() && head[0] != '\r' && !http::token_bytes.has(head[0])) {
    return bad("what was sent does not begin with a method");
  }
  if (head.size() > limits.target_bytes_max && target_size(head) > limits.target_bytes_max) {
    return {414, "the request target is too long"};
  }
  if (head.size() > limits.head_bytes_max) return {431, "the request head is too large"};
  return {};
}

HeadStatus refused(const Fault& fault) {
  return {HeadStatus::State::refused, 0, fault.status, fault.reason};
}

}  // namespace

HeadStatus parse_head(std::string_view bytes, std::size_t& scanned, const HeadLimits& limits,
                      Request& request) {
  bool found = false;
  if (const auto other = foreign_protocol(bytes)) return refused({other->status, other->reason});
  const auto begin = skip_empty_lines(bytes);
  if (const auto fault = find_end(bytes, begin, scanned, found)) return refused(fault);
  const auto head = bytes.substr(begin, scanned - begin);
  if (const auto fault = check_start(head, limits)) return refused(fault);
  if (!found) return {};
  if (const auto fault = read_head(request.reset(head), limits.fields_max, request)) {
    return refused(fault);
  }
  return {HeadStatus::State::complete, scanned, 0, {}};
}

bool asks_for_no_content(std::string_view bytes) {
  return bytes.substr(skip_empty_lines(bytes)).starts_with("HEAD ");
}

std::string_view first_line(std::string_view bytes) {
  bytes.remove_prefix(skip_empty_lines(bytes));
  return text::take_line(bytes);
}

}  // namespace cgisrv::http1
