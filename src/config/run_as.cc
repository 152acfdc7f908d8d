#include "config/run_as.h"

#include <unistd.h>

#include <cerrno>

#include "config/config.h"

namespace cgisrv::config {

Result<void> check_run_as(const Config& config) {
  const std::string& user = config.server.user;
  const std::string& group = config.server.group;
  const bool in_directory_mode = config.file.empty();
  if (user.empty() && !group.empty()) return fail("{}: [server] group needs a user", config.file);
  if (user.empty() && ::geteuid() == 0 && !in_directory_mode)
    return fail(
        "{}: started as root on a machine that has neither a user www-data nor nobody; name one in "
        "[server] user, or user = \"root\" if that is meant",
        config.file);
  if (user.empty()) return {};
  const auto may = process::may_become_user(user, group);
  if (!may) return std::unexpected(Error{EPERM, may.error().what});
  return {};
}

process::Privileges privileges_of(const Config& config) {
  const auto allows_setuid = [](const Location& each) { return each.cgi.allow_setuid; };
  return {config.server.user, config.server.group, any_location(config, allows_setuid)};
}

}  // namespace cgisrv::config
