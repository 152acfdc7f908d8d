#include "accesslog/access_log.h"

#include "base/log.h"

namespace cgisrv::accesslog {

namespace {
// How often lost lines are reported in the error log: while the log works, and while it does not.
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
  auto file = log::File::make(log::Kind::access, std::move(*opened));
  if (!file) return std::unexpected(file.error());
  log.file_->emplace(std::move(*file));
  return log;
}

void AccessLog::write(const AccessEntry& entry) {
  std::optional<log::File>& file = *file_;
  if (!file) return;
  std::string line = format_.line(entry, std::time(nullptr));
  if (file->is_journal()) line.insert(0, fmt::format("<{}>", log::priority(log::Level::info)));
  const bool written = file->write(line);
  log::tell_losses(log::Kind::access, written ? working_interval : failing_interval);
}

Result<std::optional<log::Target>> AccessLog::open_again() const {
  const std::optional<log::File>& file = *file_;
  if (!file) return std::nullopt;
  auto target = file->open_again();
  if (!target) return std::unexpected(target.error());
  return std::move(*target);
}

void AccessLog::follow() {
  if (std::optional<log::File>& file = *file_) file->follow();
}

}  // namespace cgisrv::accesslog
