#include "base/log.h"

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <ctime>

#include "base/text.h"

namespace cgisrv::log {

namespace {
constexpr std::array<std::string_view, 6> names = {"debug", "info",  "notice",
                                                   "warn",  "error", "fatal"};
Level threshold = Level::info;
Fd file;
Sink diverted;

int descriptor() {
  return file ? file.get() : STDERR_FILENO;
}
}  // namespace

std::optional<Level> parse_level(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Level>(i);
  return std::nullopt;
}

void set_level(Level level) {
  threshold = level;
}
bool enabled(Level level) {
  return level >= threshold;
}

Result<void> open(const std::string& path) {
  if (path == "stderr") {
    file.reset();
    return {};
  }
  Fd opened(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  if (!opened) return fail_errno(errno, "opening the log {}", path);
  file = std::move(opened);
  return {};
}

void divert(Sink sink) {
  diverted = std::move(sink);
}

std::string timestamp() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     now.tv_nsec / 1'000'000);
}

void write(Level level, std::string_view request_id, std::string_view text) {
  if (!enabled(level)) return;
  if (diverted) return diverted(level, request_id, text::printable(text));
  std::string line =
      fmt::format("{} {} [{}] ", timestamp(), names[static_cast<std::size_t>(level)], ::getpid());
  if (!request_id.empty()) line.append("[").append(request_id).append("] ");
  line.append(text::printable(text)).push_back('\n');
  // Nobody is left to tell when the log itself cannot be written.
  [[maybe_unused]] const auto written = ::write(descriptor(), line.data(), line.size());
}

}  // namespace cgisrv::log
