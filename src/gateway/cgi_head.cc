#include "gateway/cgi_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

#include "base/text.h"
#include "http/octets.h"

namespace cgisrv::gateway {

namespace {

using namespace std::string_view_literals;

constexpr std::array left_out = {"Connection"sv,        "Content-Length"sv, "Keep-Alive"sv,
                                 "Proxy-Connection"sv,  "Status"sv,         "Trailer"sv,
                                 "Transfer-Encoding"sv, "Upgrade"sv};

// Its makers have checked them; an oversight there must not forge a line.
bool may_be_sent(std::string_view name, std::string_view value) {
  return http::is_token(name) && http::field_bytes.has_all(value) &&
         std::ranges::none_of(left_out, [name](std::string_view other) {
           return text::equals_ignoring_case(name, other);
         });
}

}  // namespace

void write_cgi_head(std::string& to, const http::Response& response, http::Content content) {
  const std::string_view reason =
      response.reason.empty() || !http::field_bytes.has_all(response.reason)
          ? http::reason_phrase(response.status)
          : std::string_view(response.reason);
  fmt::format_to(std::back_inserter(to), "Status: {} {}\r\n", response.status, reason);
  for (const auto& [name, value] : response.fields)
    if (may_be_sent(name, value)) to.append(name).append(": ").append(value).append("\r\n");
  const bool may_have_length = content != http::Content::unsized && response.status != 204;
  if (response.content_length && may_have_length)
    fmt::format_to(std::back_inserter(to), "Content-Length: {}\r\n", *response.content_length);
  to.append("\r\n");
}

}  // namespace cgisrv::gateway
