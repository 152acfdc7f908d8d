#include "server/logs.h"

#include "base/log.h"

namespace cgisrv::server {

Result<void> reopen_logs(AccessLog& current, const std::vector<AccessLog*>& earlier) {
  auto error = log::open_again();
  if (!error) return std::unexpected(error.error());
  auto access = current.open_again();
  if (!access) return std::unexpected(access.error());
  for (AccessLog* const log : earlier) {
    auto target = log->open_again();
    auto used = target ? Result<void>() : std::unexpected(target.error());
    if (target && *target) used = log->use(std::move(**target));
    if (!used)
      log::line(log::Level::warn, "an access log of before the last reload stays as it is: {}",
                used.error().what);
  }
  if (*access)
    if (auto used = current.use(std::move(**access)); !used) return used;
  return log::use(std::move(*error));
}

}  // namespace cgisrv::server
