#include "config/start_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "backend/diagnosis.h"
#include "base/text.h"
#include "config/backend_names.h"
#include "config/config.h"
#include "config/descriptors.h"
#include "config/run_as.h"
#include "config/value_check.h"
#include "net/holder.h"
#include "net/listener.h"
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
  if (folder.string().contains("/|")) return;  // a program, which is a fault of its own
  const std::string name = folder.string();
  const bool is_made_at_boot = name.starts_with("/run/") || name.starts_with("/var/run/");
  (is_made_at_boot ? check.by_hand : check.obstacles)
      .push_back(fmt::format("there is no folder {} for {}; make it before the start",
                             text::escape(name), key));
}

void look_for_folders(const Config& config, StartCheck& check) {
  const std::pair<const char*, const std::string&> written[] = {
      {"[log] access", config.access_log.path},
      {"[log] error", config.error_log},
      {"[server] pid_file", config.server.pid_file}};
  for (const auto& [key, path] : written)
    look_for_folder(path, key, check);
  for (const auto& listen : config.listen)
    if (const auto socket = socket_path(listen.address))
      look_for_folder(*socket, "[[listen]] address", check);
}

// Of a folder that root sees, groups and modes alone are looked at.
bool may_enter(const ServerOptions& server, const std::string& folder) {
  if (::geteuid() != 0) return ::faccessat(AT_FDCWD, folder.c_str(), X_OK, AT_EACCESS) == 0;
  struct stat status {};
  return ::stat(folder.c_str(), &status) != 0 ||
         process::may(S_IXOTH, server.user, server.group, status);
}

// The first folder on the way to a directory, itself included, that the server's user may not
// enter; empty: none.
std::string closed_to(const ServerOptions& server, const std::filesystem::path& directory) {
  std::string closed;
  for (auto folder = directory; folder.has_relative_path(); folder = folder.parent_path())
    if (!may_enter(server, folder.string())) closed = folder.string();
  return closed;
}

std::string or_open(const std::string& folder) {
  if (process::is_home(folder)) return {};
  return fmt::format(", or run: chmod a+x {}", text::shell_word(folder));
}

// Whether an address can be had, and a port below 1024 is ours to open, is found by asking for it:
// nothing listens there meanwhile.
void look_for_address(const std::string& configured, StartCheck& check) {
  const auto address = net::parse_address(configured);
  if (!address) return;  // the service manager opens it, or there is none
  const int error = net::listen_error(*address);
  if (error == EACCES)
    check.by_hand.push_back(
        fmt::format("port {} of {} is not for every user; start it as root, which gives up its "
                    "rights, or by the service manager",
                    address->port(), configured));
  if (error == EADDRNOTAVAIL)
    check.missing_now.push_back(
        fmt::format("{} is not an address of this machine; choose another", configured));
  if (error != EADDRINUSE) return;
  const net::Holder holder = net::holder_of(*address);
  check.addresses_in_use.push_back({.by = holder.pid, .sentence = net::in_use(*address, holder)});
}

}  // namespace

StartCheck check_start(const Config& config) {
  StartCheck check;
  if (const auto may = check_run_as(config); !may && may.error().code != EPERM)
    check.obstacles.push_back(may.error().what);
  look_for_folders(config, check);
  std::ranges::move(closed_roots(config), std::back_inserter(check.shortfalls));
  Config looked_up = config;
  if (const auto found = look_up_backends(looked_up); !found)
    check.missing_now.push_back(found.error().what);
  std::ranges::move(closed_backends(looked_up), std::back_inserter(check.shortfalls));
  for (const ListenerOptions& listen : config.listen)
    look_for_address(listen.address, check);
  look_for_address(config.admin.listen, check);
  look_for_address(config.admin.agent, check);
  if (auto limit = connections_lacking(config.server, process::descriptor_limit()); !limit.empty())
    check.shortfalls.push_back(std::move(limit));
  for (const auto& listen : config.listen)
    if (const auto socket = socket_path(listen.address))
      std::ranges::move(closed_folders(*socket), std::back_inserter(check.shortfalls));
  return check;
}

std::vector<std::string> folders_lacking(const Config& config) {
  StartCheck check;
  look_for_folders(config, check);
  return check.obstacles;
}

std::vector<std::string> closed_roots(const Config& config) {
  std::vector<std::string> closed;
  const bool is_root = ::geteuid() == 0;
  if (is_root && config.server.user.empty()) return closed;
  const std::string user = is_root ? config.server.user : process::own_user_name();
  const auto look = [&](std::string_view key, const std::string& directory) {
    const std::string folder =
        directory.empty() ? std::string() : closed_to(config.server, directory);
    if (!folder.empty())
      closed.push_back(
          fmt::format("the user {} may not enter {}, and finds nothing of {} = \"{}\"; serve "
                      "another folder{}",
                      user, folder, key, directory, or_open(folder)));
  };
  for (const Site& site : config.sites) {
    look("root", site.root);
    for (const Location& location : site.locations) {
      const std::filesystem::path files(location.files);
      const bool is_file = location.match.kind == MatchKind::exact;
      look("files", (is_file ? files.parent_path() : files).string());
      if (location.program == ProgramKind::directory) look("cgi", location.path);
    }
  }
  return closed;
}

std::string closed_directory(const std::string& directory) {
  if (::geteuid() == 0) return {};
  const std::string folder = closed_to({}, directory);
  if (folder.empty()) return {};
  return fmt::format("user {} may not enter {}; serve another folder{}", process::own_user_name(),
                     folder, or_open(folder));
}

std::vector<std::string> closed_backends(const Config& config) {
  std::vector<std::string> closed;
  std::set<std::string> seen;
  const std::string user =
      config.server.user.empty() ? process::own_user_name() : config.server.user;
  for (const Site& site : config.sites)
    for (const Location& location : site.locations) {
      const backend::Target& target = location.backend;
      if (!target || !seen.insert(target.address).second) continue;
      const int error = backend::foresee_connection(target, user, config.server.group);
      if (error != 0)
        closed.push_back(fmt::format("location {}: {}", format_match(location.match),
                                     backend::diagnose_connection(target, error, user).sentence));
    }
  return closed;
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
