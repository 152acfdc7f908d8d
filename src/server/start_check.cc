#include "server/start_check.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>

#include "server/run_as.h"

namespace cgisrv::server {

std::vector<std::string> what_a_start_lacks(const Config& config) {
  std::vector<std::string> lacking;
  // That it takes another user to start is no news to an administrator who checks without sudo.
  if (const auto may = check_user(config); !may && may.error().code != EPERM)
    lacking.push_back(may.error().what);
  const std::pair<const char*, const std::string&> written[] = {
      {"[log] access", config.access_log.path},
      {"[log] error", config.error_log},
      {"[server] pid_file", config.server.pid_file}};
  for (const auto& [key, path] : written) {
    const auto folder = std::filesystem::path(path).parent_path();
    std::error_code ignored;
    if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
      lacking.push_back(fmt::format("there is no folder {} for {}; make it before the start",
                                    folder.string(), key));
  }
  return lacking;
}

}  // namespace cgisrv::server
