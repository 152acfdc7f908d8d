#include "config/start_check.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "config/descriptors.h"
#include "config/run_as.h"
#include "process/privileges.h"

namespace cgisrv::config {

namespace {

// The path of `unix:PATH`; else nothing.
std::optional<std::filesystem::path> socket_path(std::string_view address) {
  constexpr std::string_view unix_form = "unix:";
  if (!address.starts_with(unix_form)) return std::nullopt;
  return address.substr(unix_form.size());
}

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
  if (const auto may = check_run_as(config); !may && may.error().code != EPERM)
    check.lacking.push_back(may.error().what);
  const std::pair<const char*, const std::string&> written[] = {
      {"[log] access", config.access_log.path},
      {"[log] error", config.error_log},
      {"[server] pid_file", config.server.pid_file}};
  for (const auto& [key, path] : written)
    look_for_folder(path, key, check);
  if (auto limit = connections_lacking(config.server, process::descriptor_limit()); !limit.empty())
    check.limits.push_back(std::move(limit));
  for (const auto& listen : config.listen)
    if (const auto socket = socket_path(listen.address)) {
      look_for_folder(*socket, "[[listen]] address", check);
      std::ranges::move(closed_folders(*socket), std::back_inserter(check.limits));
    }
  return check;
}

std::vector<std::string> closed_folders(const std::filesystem::path& socket) {
  std::vector<std::string> closed;
  if (::geteuid() != 0) return closed;
  for (auto folder = socket.parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0 || status.st_uid != 0 || (status.st_mode & 011) != 0)
      continue;
    closed.push_back(
        fmt::format("unix:{}: only root may enter {}, so a proxy that runs as another user cannot "
                    "connect; run: chmod a+x {}",
                    socket.string(), folder.string(), text::shell_word(folder.string())));
  }
  return closed;
}

}  // namespace cgisrv::config
