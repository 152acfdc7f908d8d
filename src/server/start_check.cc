#include "server/start_check.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>

#include "server/run_as.h"

namespace cgisrv::server {

namespace {

void look_for_folder(const std::filesystem::path& path, std::string_view key,
                     std::vector<std::string>& lacking) {
  const auto folder = path.parent_path();
  std::error_code ignored;
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
    lacking.push_back(fmt::format("there is no folder {} for {}; make it before the start",
                                  folder.string(), key));
}

}  // namespace

std::vector<std::string> what_a_start_lacks(const Config& config) {
  std::vector<std::string> lacking;
  // That it takes another user to start is no news to an administrator who checks without sudo.
  if (const auto may = check_user(config); !may && may.error().code != EPERM)
    lacking.push_back(may.error().what);
  const std::pair<const char*, const std::string&> written[] = {
      {"[log] access", config.access_log.path},
      {"[log] error", config.error_log},
      {"[server] pid_file", config.server.pid_file}};
  for (const auto& [key, path] : written)
    look_for_folder(path, key, lacking);
  for (const auto& listen : config.listen)
    if (constexpr std::string_view unix_form = "unix:"; listen.address.starts_with(unix_form))
      look_for_folder(listen.address.substr(unix_form.size()), "[[listen]] address", lacking);
  return lacking;
}

}  // namespace cgisrv::server
