#include "server/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <ctime>

#include "base/log.h"
#include "base/text.h"

namespace cgisrv::server {

namespace {

constexpr int client_closed_request = 499;  // nginx's code, which log readers know

std::string or_dash(std::string_view value) {
  return value.empty() ? "-" : text::escape(value);
}

std::string local_time(std::time_t now) {
  std::array<char, 40> buffer{};
  tm parts{};
  ::localtime_r(&now, &parts);
  std::strftime(buffer.data(), buffer.size(), "%d/%b/%Y:%H:%M:%S %z", &parts);
  return buffer.data();
}

// JSON strings know no \xNN; what escape() made of foreign bytes stays readable as text.
std::string json(std::string_view value) {
  std::string out = "\"";
  for (const char c : text::escape(value)) {
    if (c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out.append("\"");
}

std::string format_json(const AccessEntry& entry, int status) {
  return fmt::format(
      R"({{"time":"{}","request_id":{},"remote_address":{},"host":{},"method":{},"target":{},)"
      R"("status":{},"bytes_sent":{},"duration_ms":{:.3f},"script":{},"referer":{},)"
      R"("user_agent":{}}})"
      "\n",
      log::timestamp(), json(entry.request_id), json(entry.remote_address), json(entry.host),
      json(entry.method), json(entry.target), status, entry.bytes_sent,
      std::chrono::duration<double, std::milli>(entry.duration).count(), json(entry.script),
      json(entry.referer), json(entry.user_agent));
}

}  // namespace

std::string format_entry(const AccessEntry& entry, LogFormat format, std::time_t now) {
  const int status = entry.status == 0 ? client_closed_request : entry.status;
  if (format == LogFormat::json) return format_json(entry, status);
  std::string line =
      fmt::format("{} - - [{}] \"{}\" {} {}", or_dash(entry.remote_address), local_time(now),
                  or_dash(entry.request_line), status, entry.bytes_sent);
  if (format == LogFormat::combined)
    fmt::format_to(std::back_inserter(line), " \"{}\" \"{}\"", or_dash(entry.referer),
                   or_dash(entry.user_agent));
  return line.append("\n");
}

Result<AccessLog> AccessLog::open(const LogTarget& target) {
  AccessLog log;
  log.format_ = target.format;
  log.off_ = target.path == "off";
  if (log.off_ || target.path == "stderr") return log;
  log.file_.reset(::open(target.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  if (!log.file_) return fail_errno(errno, "opening the access log {}", target.path);
  return log;
}

void AccessLog::write(const AccessEntry& entry) {
  if (off_) return;
  const std::string line = format_entry(entry, format_, std::time(nullptr));
  [[maybe_unused]] const auto written =
      ::write(file_ ? file_.get() : STDERR_FILENO, line.data(), line.size());
}

}  // namespace cgisrv::server
