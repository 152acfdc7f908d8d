#include "http/writer.h"

#include <fmt/compile.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "http/date.h"

namespace cgisrv::http {
namespace {

constexpr std::size_t usual_bytes = 512;  // of a head and a short body: enough to grow once

// Whoever made these has checked them; a hole there must not become a split response.
bool is_one_line(std::string_view s) {
  return std::ranges::none_of(s, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

const std::string& date_text(std::time_t now) {
  static std::time_t second = now;
  static std::string text = format_date(now);
  if (now != second) text = format_date(second = now);
  return text;
}

bool is_informational(int status) {
  return status < 200;
}

void append_framing(std::string& out, const Response& response, BodyFraming framing) {
  const bool may_have_length = !is_informational(response.status) && response.status != 204;
  if (framing == BodyFraming::chunked) {
    append_field(out, "Transfer-Encoding", "chunked");
  } else if (framing != BodyFraming::close && response.content_length && may_have_length) {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("Content-Length: {}\r\n"),
                   *response.content_length);
  }
}

}  // namespace

BodyFraming choose_framing(const Request& request, const Response& response) {
  const int status = response.status;
  if (request.method == "HEAD" || is_informational(status) || status == 204 || status == 304)
    return BodyFraming::none;
  if (response.content_length) return BodyFraming::length;
  return request.version == Version::http11 ? BodyFraming::chunked : BodyFraming::close;
}

void write_head(std::string& out, const Request& request, const Response& response,
                BodyFraming framing, bool keep_alive, std::time_t now) {
  const bool has_reason = !response.reason.empty() && is_one_line(response.reason);
  out.reserve(out.size() + usual_bytes);
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("HTTP/1.1 {} "), response.status);
  out.append(has_reason ? response.reason : reason_phrase(response.status)).append("\r\n");
  bool has_date = false;
  bool has_server = false;
  for (const auto& [name, value] : response.fields) {
    if (!is_one_line(name) || !is_one_line(value)) continue;
    has_date |= text::equals_ignoring_case(name, "date");
    has_server |= text::equals_ignoring_case(name, "server");
    append_field(out, name, value);
  }
  if (!is_informational(response.status)) {
    if (!has_date) append_field(out, "Date", date_text(now));
    if (!has_server) append_field(out, "Server", "cgisrv/" CGISRV_VERSION);
    append_framing(out, response, framing);
    if (!keep_alive || framing == BodyFraming::close) {
      append_field(out, "Connection", "close");
    } else if (request.version == Version::http10) {
      append_field(out, "Connection", "keep-alive");
    }
  }
  out.append("\r\n");
}

void write_chunk_size(std::string& out, std::size_t bytes) {
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:x}\r\n"), bytes);
}

}  // namespace cgisrv::http
