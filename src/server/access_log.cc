#include "server/access_log.h"

#include "base/log.h"

namespace cgisrv::server {

namespace {
// How often the error log is told of lines that were lost: while it works, and while it does not.
constexpr auto working_interval = std::chrono::seconds(1);
constexpr auto failing_interval = std::chrono::seconds(60);
}  // namespace

Result<AccessLog> AccessLog::open(const LogTarget& target) {
  AccessLog log;
  auto format = AccessFormat::parse(target.format);
  if (!format) return std::unexpected(format.error());
  log.format_ = std::move(*format);
  if (target.path == "off") return log;
  auto opened = log::open_target(target.path);
  if (!opened) return std::unexpected(opened.error());
  log.file_.emplace(log::Kind::access, std::move(*opened));
  return log;
}

void AccessLog::write(const AccessEntry& entry) {
  if (!file_) return;
  std::string line = format_.line(entry, std::time(nullptr));
  if (file_->is_journal()) line.insert(0, fmt::format("<{}>", log::priority(log::Level::info)));
  const bool written = file_->write(line);
  log::tell_losses(log::Kind::access, written ? working_interval : failing_interval);
}

Result<std::optional<log::Target>> AccessLog::open_again() const {
  if (!file_) return std::nullopt;
  auto target = file_->open_again();
  if (!target) return std::unexpected(target.error());
  return std::move(*target);
}

void AccessLog::abandon() {
  if (file_) file_->abandon();
}

void AccessLog::follow() {
  if (file_) file_->follow();
}

}  // namespace cgisrv::server
