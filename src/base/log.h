// The error log: one line, one write(2) to a descriptor opened for appending, so that lines of
// several processes never mix (base/log_file). A server and all its processes share one.
//
//   2026-11-23T14:03:09.123Z warn [4711] [5f3a...] text
//   <4>[4711] [5f3a...] text                               if systemd's journal reads it
//   {"time":"2026-...Z","level":"warn","pid":4711,"request_id":"5f3a...","message":"text"}
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/log_file.h"
#include "base/result.h"

namespace cgisrv::log {

enum class Level : std::uint8_t { debug, info, notice, warn, error, fatal };

std::optional<Level> parse_level(std::string_view name);

// Lines below `level` are dropped. Default: info.
void set_level(Level level);
bool enabled(Level level);

// text: one of the first two forms above; json: the last one, whoever reads it. Default: text.
enum class Format : std::uint8_t { text, json };
void set_format(Format format);

// Its number in syslog(3) and the journal.
int priority(Level level);

// Appends to `path` from now on, in this process and all that it has forked since it first opened a
// log; "stderr" is the default. Before anything is opened, lines go to standard error.
Result<void> open(const std::string& path);
// The same with an opened target: open_target() itself changes nothing.
Result<void> use(Target target);
// The file now at its path, maybe another one.
Result<Target> open_again();
// Closes a file that has been replaced, for a process that has had nothing to log since.
void follow();

// Logs in the error log how many lines of a log were lost, at most once in `interval`. The error
// log does so by itself.
void tell_losses(Kind kind, std::chrono::milliseconds interval);

// From now on lines go to `sink` instead; an empty one: to the log again.
using Sink = std::function<void(Level, std::string_view request_id, std::string_view text)>;
void divert(Sink sink);

// Escapes control bytes in `text`, so that no file name or program forges a line. The caller quotes
// foreign parts (text::escape).
void write(Level level, std::string_view request_id, std::string_view text);

template <typename... Args>
void line(Level level, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(level)) write(level, {}, fmt::format(format, std::forward<Args>(args)...));
}

// Current time as in a line, for other logs: "2026-11-23T14:03:09.123Z".
std::string timestamp();

}  // namespace cgisrv::log
