// Sizes and durations in people's notation. A unit may be in either case.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cgisrv {

// In bytes: "512", "16k", "10m", "1g", "1t" (powers of 1024), also as "10mb" or "10MiB". Nothing if
// invalid or too large.
std::optional<std::uint64_t> parse_size(std::string_view text);
// In milliseconds: "500ms", "10s", "5m", "1h", "7d". A unit is required.
std::optional<std::uint64_t> parse_duration(std::string_view text);

// In the largest unit that leaves no remainder.
std::string format_size(std::uint64_t bytes);
// For a sentence: "512m", "100 bytes".
std::string size_text(std::uint64_t bytes);
std::string format_duration(std::uint64_t milliseconds);

}  // namespace cgisrv
