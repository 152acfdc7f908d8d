#include "http/message.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>

#include "base/text.h"
#include "http/date.h"

namespace cgisrv::http {

std::string_view text_of(Version version) {
  switch (version) {
    case Version::http10:
      return "HTTP/1.0";
    case Version::http11:
      return "HTTP/1.1";
    case Version::http2:
      break;
  }
  return "HTTP/2.0";
}

std::optional<std::string_view> Request::field(std::string_view name) const {
  for (const auto& field : fields) {
    if (text::equals_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

std::optional<std::string> Request::joined(std::string_view name) const {
  std::optional<std::string> all;
  for (const auto& field : fields) {
    if (!text::equals_ignoring_case(field.name, name)) continue;
    if (all) {
      all->append(", ").append(field.value);
    } else {
      all.emplace(field.value);
    }
  }
  return all;
}

std::string_view Request::reset(std::string_view head) {
  method = raw_target = host = {};
  target = {};
  version = Version::http11;
  fields.clear();
  port.reset();
  framing = Framing::none;
  content_length = 0;
  keep_alive = expects_continue = false;
  return storage_.assign(head);
}

std::string_view Response::field(std::string_view name) const {
  for (const Field& field : fields)
    if (text::equals_ignoring_case(field.name, name)) return field.value;
  return {};
}

namespace {

// IANA's registry of status codes, without the unused and temporary ones; sorted.
constexpr std::pair<int, std::string_view> phrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

// Made once a second.
const std::string& date_text(std::time_t now) {
  static std::time_t second = now;
  static std::string text = format_date(now);
  if (now != second) text = format_date(second = now);
  return text;
}

}  // namespace

std::expected<std::uint64_t, std::string_view> parse_content_length(std::string_view value) {
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(value.begin(), value.end(), length);
  if (error == std::errc::result_out_of_range)
    return std::unexpected("Content-Length is too large a number");
  if (error != std::errc{} || end != value.end())
    return std::unexpected("Content-Length is not a number");
  return length;
}

Content content_of(std::string_view request_method, const Response& response) {
  const int status = response.status;
  if (request_method == "HEAD" || is_informational(status) || status == 204 || status == 304)
    return Content::none;
  return response.content_length ? Content::sized : Content::unsized;
}

void add_origin_fields(Response& response, std::time_t now) {
  if (is_informational(response.status)) return;
  bool has_date = false;
  bool has_server = false;
  for (const auto& [name, value] : response.fields) {
    has_date |= text::equals_ignoring_case(name, "date");
    has_server |= text::equals_ignoring_case(name, "server");
  }
  if (!has_date) response.date = date_text(now);
  if (!has_server) response.server = "cgisrv/" CGISRV_VERSION;
}

std::string_view reason_phrase(int status) {
  using Row = std::pair<int, std::string_view>;
  const auto* const row = std::ranges::lower_bound(phrases, status, {}, &Row::first);
  return row != std::end(phrases) && row->first == status ? row->second : "Unknown";
}

}  // namespace cgisrv::http
