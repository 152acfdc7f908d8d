#include "server/access_log.h"

#include <fcntl.h>
#include <unistd.h>

namespace cgisrv::server {

Result<AccessLog> AccessLog::open(const LogTarget& target) {
  AccessLog log;
  auto format = AccessFormat::parse(target.format);
  if (!format) return std::unexpected(format.error());
  log.format_ = std::move(*format);
  log.off_ = target.path == "off";
  if (log.off_ || target.path == "stderr") return log;
  log.file_.reset(::open(target.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  if (!log.file_) return fail_errno(errno, "opening the access log {}", target.path);
  return log;
}

void AccessLog::write(const AccessEntry& entry) {
  if (off_) return;
  const std::string line = format_.line(entry, std::time(nullptr));
  [[maybe_unused]] const auto written =
      ::write(file_ ? file_.get() : STDERR_FILENO, line.data(), line.size());
}

}  // namespace cgisrv::server
