#include "http1/writer.h"

#include <fmt/compile.h>

#include <algorithm>
#include <iterator>

namespace cgisrv::http1 {
namespace {

constexpr std::size_t usual_bytes = 512;  // a head and a short body: enough to grow only once

// The makers of these texts have checked them; an oversight there must not split a response.
bool is_one_line(std::string_view s) {
  return std::ranges::none_of(s, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_framing(std::string& out, const http::Response& response, BodyFraming framing) {
  const bool may_have_length = !http::is_informational(response.status) && response.status != 204;
  if (framing == BodyFraming::chunked) {
    append_field(out, "Transfer-Encoding", "chunked");
  } else if (framing != BodyFraming::close && response.content_length && may_have_length) {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("Content-Length: {}\r\n"),
                   *response.content_length);
  }
}

}  // namespace

BodyFraming choose_framing(http::Content content, http::Version version) {
  if (content == http::Content::none) return BodyFraming::none;
  if (content == http::Content::sized) return BodyFraming::length;
  return version == http::Version::http11 ? BodyFraming::chunked : BodyFraming::close;
}

void write_head(std::string& out, http::Version version, const http::Response& response,
                BodyFraming framing, bool keep_alive) {
  const bool has_reason = !response.reason.empty() && is_one_line(response.reason);
  out.reserve(out.size() + usual_bytes);
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("HTTP/1.1 {} "), response.status);
  out.append(has_reason ? response.reason : http::reason_phrase(response.status)).append("\r\n");
  for (const auto& [name, value] : response.fields)
    if (is_one_line(name) && is_one_line(value)) append_field(out, name, value);
  if (!response.date.empty()) append_field(out, "Date", response.date);
  if (!response.server.empty()) append_field(out, "Server", response.server);
  if (!http::is_informational(response.status)) {
    append_framing(out, response, framing);
    if (!keep_alive || framing == BodyFraming::close) {
      append_field(out, "Connection", "close");
    } else if (version == http::Version::http10) {
      append_field(out, "Connection", "keep-alive");
    }
  }
  out.append("\r\n");
}

void write_chunk_size(std::string& out, std::size_t bytes) {
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:x}\r\n"), bytes);
}

}  // namespace cgisrv::http1
