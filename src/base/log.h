// The error log: one line, one write(2) to a descriptor opened for appending, so that lines of
// several processes never mix.
//
//   2026-11-23T14:03:09.123Z warn [4711] [5f3a...] text
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cgisrv::log {

enum class Level : std::uint8_t { debug, info, notice, warn, error, fatal };

std::optional<Level> parse_level(std::string_view name);

// Lines below `level` are dropped. Default: info.
void set_level(Level level);
bool enabled(Level level);

// Appends to `path` from now on; "stderr" is the default.
Result<void> open(const std::string& path);

// From now on what would be written goes to `sink` instead; an empty one: to the log again.
using Sink = std::function<void(Level, std::string_view request_id, std::string_view text)>;
void divert(Sink sink);

// Control bytes in `text` are escaped: no file name or program forges a line. Quotes around foreign
// parts are the caller's business (text::escape).
void write(Level level, std::string_view request_id, std::string_view text);

template <typename... Args>
void line(Level level, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(level)) write(level, {}, fmt::format(format, std::forward<Args>(args)...));
}

// Current time as in a line, for other logs: "2026-11-23T14:03:09.123Z".
std::string timestamp();

}  // namespace cgisrv::log
