#include "cgi/response.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "http/octets.h"
#include "http/target.h"

namespace cgisrv::cgi {
namespace {

using namespace std::string_view_literals;
using text::equals_ignoring_case;

// A first line without a colon in this many bytes is no field. So output whose first line never
// ends is recognised before the limit of the whole head, wherever reads happened to cut it.
constexpr std::size_t name_bytes_max = 4096;

// The start of a failed Python program's output.
constexpr auto traceback_start = "Traceback (most recent call last):"sv;
constexpr auto cgitb_start = "<!--: spam"sv;
constexpr auto byte_order_mark = "\xef\xbb\xbf"sv;

constexpr int status_min = 200, status_max = 599;  // of final responses: RFC 9110 section 15

// About the connection, which is the server's business, RFC 9110 section 7.6.1; the server writes
// Date and Server itself.
constexpr std::array dropped_fields = {
    "Connection"sv, "Keep-Alive"sv,        "Proxy-Connection"sv, "TE"sv,
    "Trailer"sv,    "Transfer-Encoding"sv, "Upgrade"sv,          "Date"sv,
    "Server"sv,     "Proxy-Authenticate"sv};

bool is_dropped(std::string_view name) {
  return equals_ignoring_case(name.substr(0, 6), "X-CGI-") ||
         std::ranges::any_of(dropped_fields,
                             [name](auto other) { return equals_ignoring_case(name, other); });
}

constexpr auto space_before_colon = "has a space before its colon"sv;

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

// Why a line is no field; empty: it is one.
std::string_view fault_of(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return "begins with a space";
  if (line.find('\r') != line.npos) return "has a carriage return within it";
  if (std::ranges::any_of(line, is_control)) return "holds a control byte";
  const auto colon = line.substr(0, name_bytes_max).find(':');
  if (colon == line.npos) return "has no colon";
  const auto name = line.substr(0, colon);
  if (name.empty()) return "has no name before its colon";
  if (name.back() == ' ' || name.back() == '\t') return space_before_colon;
  if (!http::is_token(name)) return "has a name with characters that no field may have";
  return {};
}

// Whether `line`, as far as it has come, is no field. "\r" may yet be an empty line.
bool cannot_become_field(std::string_view line) {
  const auto may_become = [line](std::string_view start) {
    return line.size() < start.size() && start.starts_with(line);
  };
  if (may_become(cgitb_start) || may_become(byte_order_mark)) return false;  // whole, it tells more
  const bool has_token_start = http::is_token(line.substr(0, 1)) || line == "\r";
  return !has_token_start ||
         (line.size() >= name_bytes_max && line.substr(0, name_bytes_max).find(':') == line.npos);
}

// The likely source of a first line that is no field, and the remedy; empty: unknown.
std::string_view origin_of(std::string_view line) {
  if (line.starts_with("HTTP/"))
    return "the program prints a whole HTTP response; print \"Status: 200 OK\" in the place of its "
           "first line, or name the file nph-...";
  if (line.starts_with(byte_order_mark))
    return "the program's output begins with a byte order mark, which is no part of a header; save "
           "the file that it is printed from without one";
  if (line.starts_with("-e "))
    return "the program's output begins with \"-e\", for the echo of its shell has no such option; "
           "use printf, or begin the script with #!/bin/bash";
  if (line.starts_with(cgitb_start))
    return "the program failed, and Python's cgitb printed the error in the place of a header";
  if (line == traceback_start)
    return "the program failed, and printed the error in the place of a header";
  return {};
}

// Checks only the digits at the start of a status.
std::string_view problem_of_status(std::string_view code) {
  const auto digits = std::ranges::find_if_not(code, text::is_digit) - code.begin();
  return digits == 3 ? "the program's Status has no space after its three digits"
                     : "the program's Status does not begin with three digits";
}

// "/path?query" and not "//host/path". A fragment is for the client, so the client must get it.
bool is_local(std::string_view location) {
  return location.starts_with('/') && !location.starts_with("//") &&
         location.find('#') == location.npos;
}

// In a path or query, a program may leave the others unencoded, but a target may not.
constexpr auto location_bytes = http::ByteSet{}.with_range(0x21, 0x7e).without("\"<>\\^`{|}");

}  // namespace

std::size_t ResponseParser::feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (state_ == State::incomplete && taken < bytes.size()) {
    const auto rest = bytes.substr(taken);
    const auto newline = rest.find('\n');
    const auto part = rest.substr(0, std::min(newline == rest.npos ? rest.size() : newline + 1,
                                              limits_.head_bytes_max - collected_.size()));
    collected_.append(part);
    taken += part.size();
    const auto line = std::string_view(collected_).substr(line_start_);
    if (line.ends_with('\n')) {
      take_line(line.substr(0, line.size() - 1));
      line_start_ = collected_.size();
    } else if (line_start_ == 0 && cannot_become_field(line)) {
      take_line(line);
    } else if (collected_.size() == limits_.head_bytes_max) {
      refuse(fmt::format("the program's header is longer than {} bytes (response_header_size)",
                         limits_.head_bytes_max),
             line);
    }
  }
  return taken;
}

void ResponseParser::end() {
  if (state_ != State::incomplete) return;
  const auto line = std::string_view(collected_).substr(line_start_);
  if (collected_.empty())
    return refuse(
        "the program ended without any output; let it print "
        "\"Content-Type: text/html\", an empty line and a page",
        line);
  if (line_start_ == 0 && !fault_of(line).empty()) take_line(line);
  // Includes a first line whose only fault was that it ended between CR and LF.
  if (state_ == State::incomplete)
    refuse("the program's output ended within its header: an empty line must follow it", line);
}

void ResponseParser::take_line(std::string_view line) {
  const bool is_first = line_start_ == 0;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    headerless_ = is_first;
    return finish();
  }
  if (const auto fault = fault_of(line); !fault.empty()) return refuse_line(fault, line, is_first);
  if (++fields_ > limits_.fields_max)
    return refuse(fmt::format("the program's header has more than {} fields "
                              "(response_header_fields)",
                              limits_.fields_max),
                  line);
  take_field(line);
}

void ResponseParser::refuse_line(std::string_view fault, std::string_view line, bool is_first) {
  headerless_ = is_first;
  if (fault == space_before_colon && http::is_token(text::trim(line.substr(0, line.find(':')))))
    return refuse(fmt::format("a line of the program's header {}; remove the space", fault), line);
  if (!is_first)
    return refuse(fmt::format("a line of the program's header {}; an empty line must stand between "
                              "the header and the body",
                              fault),
                  line);
  if (const auto origin = origin_of(line); !origin.empty())
    return refuse(std::string(origin), line);
  lacks_header_ = true;
  refuse(fmt::format("the program's output does not begin with a CGI header: its first line {}; "
                     "print \"Content-Type: text/html\" and an empty line first",
                     fault),
         line);
}

void ResponseParser::take_field(std::string_view line) {
  auto rest = line;
  const auto name = text::take_until(rest, ':');
  const auto value = text::trim(rest);
  const auto is = [name](std::string_view other) { return equals_ignoring_case(name, other); };
  const auto is_repeated = [](bool& seen) { return std::exchange(seen, true); };

  if ((is("Status") && is_repeated(has_status_)) ||
      (is("Location") && is_repeated(has_location_)) ||
      (is("Content-Type") && is_repeated(has_content_type_)) ||
      (is("X-Sendfile") && is_repeated(has_send_file_)) ||
      (is("Content-Length") && head_.response.content_length)) {
    return refuse(fmt::format("the program's header has {} twice", name), line);
  }
  if (is("Status")) return take_status(value, line);
  if (is("Content-Length")) {
    head_.response.content_length = text::parse_number<std::uint64_t>(value);
    if (!head_.response.content_length) {
      refuse("the program's Content-Length is not a plain number", line);
    }
  } else if (is("Location")) {
    head_.location = value;
    if (value.empty()) refuse("the program's Location is empty", line);
  } else if (is("X-Sendfile")) {
    head_.send_file = value;
    if (value.empty()) refuse("the program's X-Sendfile is empty", line);
  } else if (!is_dropped(name)) {
    head_.response.add(name, value);
  } else {
    head_.has_transfer_coding |= is("Transfer-Encoding");
  }
}

void ResponseParser::take_status(std::string_view value, std::string_view line) {
  const auto code = text::take_until(value, ' ');
  const auto number = text::parse_number<unsigned>(code);
  if (!number || code.size() != 3) return refuse(std::string(problem_of_status(code)), line);
  // An interim response would leave the client waiting for the final one.
  if (*number < status_min)
    return refuse("the program's Status is not that of a final response", line);
  if (*number > status_max)
    return refuse("the program's Status is none of HTTP, whose last is 599", line);
  head_.response.status = static_cast<int>(*number);
  head_.response.reason = text::trim(value);
}

void ResponseParser::finish() {
  if (fields_ == 0)
    return refuse(
        "the program's output begins with an empty line, before any field of a header; print "
        "\"Content-Type: text/html\" before it",
        {});
  state_ = State::complete;
  if (!has_location_) return;
  const bool is_alone = !has_status_ && !has_content_type_;
  if (is_alone && is_local(head_.location)) {
    head_.kind = ResponseKind::local_redirect;
    head_.location = http::encode(head_.location, location_bytes);
    return;
  }
  if (is_alone) head_.kind = ResponseKind::absolute_redirect;
  if (!has_status_) head_.response.status = 302;
  head_.response.add("Location", std::exchange(head_.location, {}));
}

void ResponseParser::refuse(std::string problem, std::string_view line) {
  state_ = State::malformed;
  problem_ = std::move(problem);
  line_ = line;
}

bool has_late_header(std::string_view output) {
  while (!output.empty()) {
    const auto line = text::take_until(output, '\n');
    for (const auto name : {"Content-Type:"sv, "Status:"sv, "Location:"sv})
      if (equals_ignoring_case(line.substr(0, name.size()), name)) return true;
  }
  return false;
}

std::string_view error_in(std::string_view output) {
  if (!output.starts_with(cgitb_start) && !output.starts_with(traceback_start)) return {};
  // cgitb prints the plain traceback last, in a comment.
  if (const auto comment = output.rfind("\n-->"); comment != output.npos)
    output = output.substr(0, comment);
  output = output.substr(0, output.find_last_not_of(" \t\r\n") + 1);
  return text::trim(output.substr(output.rfind('\n') + 1));
}

int raw_status(std::string_view head) {
  constexpr std::size_t at = std::string_view("HTTP/1.1 ").size();
  if (!head.starts_with("HTTP/") || head.size() < at + 3) return 200;
  const int status = text::parse_number<int>(head.substr(at, 3)).value_or(200);
  return status >= 100 && status < 600 ? status : 200;
}

}  // namespace cgisrv::cgi
