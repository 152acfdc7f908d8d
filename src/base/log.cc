#include "base/log.h"

#include <sys/syslog.h>
#include <unistd.h>

#include <array>
#include <ctime>

#include "base/check.h"
#include "base/text.h"

namespace cgisrv::log {

namespace {
constexpr std::array<std::string_view, 6> names = {"debug", "info",  "notice",
                                                   "warn",  "error", "fatal"};
constexpr std::array<int, 6> priorities = {LOG_DEBUG,   LOG_INFO, LOG_NOTICE,
                                           LOG_WARNING, LOG_ERR,  LOG_CRIT};
constexpr auto losses_interval = std::chrono::seconds(1);
Level threshold = Level::info;
Format form = Format::text;
std::optional<File> file;
Sink diverted;

std::string_view name(Level level) {
  return names[static_cast<std::size_t>(level)];
}

std::string json_line(Level level, std::string_view request_id, std::string_view text) {
  std::string line = fmt::format(R"({{"time":"{}","level":"{}","pid":{},"request_id":)",
                                 timestamp(), name(level), ::getpid());
  if (request_id.empty()) {
    line.append("null");
  } else {
    text::append_json(line, request_id);
  }
  line.append(R"(,"message":)");
  text::append_json(line, text::printable(text));
  return line.append("}\n");
}

std::string make_line(Level level, std::string_view request_id, std::string_view text) {
  if (form == Format::json) return json_line(level, request_id, text);
  std::string line;
  if (file && file->is_journal()) {
    line = fmt::format("<{}>[{}] ", priority(level), ::getpid());
  } else {
    line = fmt::format("{} {} [{}] ", timestamp(), name(level), ::getpid());
  }
  if (!request_id.empty()) line.append("[").append(request_id).append("] ");
  line.append(text::printable(text)).push_back('\n');
  return line;
}

void tell_fatal(const char* text) {
  write(Level::fatal, {}, text);
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

void set_format(Format format) {
  form = format;
}

int priority(Level level) {
  return priorities[static_cast<std::size_t>(level)];
}

Result<void> open(const std::string& path) {
  auto target = open_target(path);
  if (!target) return std::unexpected(target.error());
  return use(std::move(*target));
}

Result<void> use(Target target) {
  tell_last_words = target.path == "stderr" ? nullptr : tell_fatal;
  if (file) return file->use(std::move(target));
  auto made = File::make(Kind::error, std::move(target));
  if (!made) return std::unexpected(made.error());
  file.emplace(std::move(*made));
  return {};
}

Result<Target> open_again() {
  return file ? file->open_again() : open_target("stderr");
}

void follow() {
  if (file) file->follow();
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
  const std::string line = make_line(level, request_id, text);
  if (!file) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    return;
  }
  tell_losses(Kind::error, losses_interval);
  file->write(line);
}

void tell_losses(Kind kind, std::chrono::milliseconds interval) {
  if (!file || diverted) return;
  const auto losses = take_losses(kind, interval);
  if (!losses) return;
  const std::string text =
      fmt::format("{} of {} log {} lost: {}", text::counted(losses->lines, "line"),
                  kind == Kind::access ? "the access" : "this", losses->lines == 1 ? "was" : "were",
                  losses->reason);
  if (!file->try_write(make_line(Level::error, {}, text))) put_back(kind, *losses);
}

}  // namespace cgisrv::log
