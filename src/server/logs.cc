#include "server/logs.h"

#include <utility>

#include "base/log.h"

namespace cgisrv::server {

Result<void> reopen_logs(const std::vector<AccessLog*>& access_logs) {
  auto error = log::open_again();
  if (!error) return std::unexpected(error.error());
  std::vector<std::pair<AccessLog*, log::Target>> opened;
  for (AccessLog* const log : access_logs) {
    auto target = log->open_again();
    if (!target) return std::unexpected(target.error());
    if (auto& file = *target; file) opened.emplace_back(log, std::move(*file));
  }
  for (auto& [log, target] : opened)
    if (auto used = log->use(std::move(target)); !used) return used;
  return log::use(std::move(*error));
}

}  // namespace cgisrv::server
