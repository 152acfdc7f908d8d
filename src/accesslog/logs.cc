#include "accesslog/logs.h"

#include <optional>
#include <utility>

#include "base/log.h"

namespace cgisrv::accesslog {

namespace {

Result<void> use(AccessLog& log, Result<std::optional<log::Target>> opened) {
  if (!opened) return std::unexpected(opened.error());
  auto& target = *opened;
  return target ? log.use(std::move(*target)) : Result<void>();
}

}  // namespace

Result<void> reopen_logs(AccessLog& current, const std::vector<AccessLog*>& earlier) {
  auto error = log::open_again();
  if (!error) return std::unexpected(error.error());
  auto access = current.open_again();
  if (!access) return std::unexpected(access.error());
  for (AccessLog* const each : earlier)
    if (const auto used = use(*each, each->open_again()); !used)
      log::line(log::Level::warn, "an access log of before the last reload stays as it is: {}",
                used.error().what);
  if (auto used = use(current, std::move(access)); !used) return used;
  return log::use(std::move(*error));
}

}  // namespace cgisrv::accesslog
