#include "config/start_check.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>

#include "config/descriptors.h"
#include "config/run_as.h"
#include "process/privileges.h"

namespace cgisrv::config {

namespace {

void look_for_folder(const std::filesystem::path& path, std::string_view key, StartCheck& check) {
  const auto folder = path.parent_path();
  std::error_code ignored;
  if (folder.empty() || std::filesystem::is_directory(folder, ignored)) return;
  const std::string name = folder.string();
  const bool is_made_at_boot = name.starts_with("/run/") || name.starts_with("/var/run/");
  (is_made_at_boot ? check.expected : check.lacking)
      .push_back(fmt::format("there is no folder {} for {}; make it before the start", name, key));
}

}  // namespace

StartCheck check_start(const Config& config) {
  StartCheck check;
  if (const auto may = check_user(config); !may && may.error().code != EPERM)
    check.lacking.push_back(may.error().what);
  const std::pair<const char*, const std::string&> written[] = {
      {"[log] access", config.access_log.path},
      {"[log] error", config.error_log},
      {"[server] pid_file", config.server.pid_file}};
  for (const auto& [key, path] : written)
    look_for_folder(path, key, check);
  for (const auto& listen : config.listen)
    if (constexpr std::string_view unix_form = "unix:"; listen.address.starts_with(unix_form))
      look_for_folder(listen.address.substr(unix_form.size()), "[[listen]] address", check);
  return check;
}

std::vector<std::string> what_a_start_limits(const Config& config) {
  const auto lacking = connections_lacking(config.server, process::descriptor_limit());
  return lacking.empty() ? std::vector<std::string>() : std::vector{lacking};
}

}  // namespace cgisrv::config
