// HTTP dates, RFC 9110 section 5.6.7.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace cgisrv::http {

// IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT". Independent of the locale.
std::string format_date(std::time_t time);

// All three formats; nothing when malformed. Two-digit years follow the RFC: more than 50 years
// ahead of `now` means the century before.
std::optional<std::time_t> parse_date(std::string_view text, std::time_t now);

}  // namespace cgisrv::http
