#include "control/directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "base/text.h"
#include "control/client.h"

namespace cgisrv::control {

namespace {

constexpr std::string_view suffix = ".sock";

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

Result<void> check(const std::string& directory, bool of_anybody) {
  struct stat found {};
  if (::lstat(directory.c_str(), &found) != 0)
    return fail_errno(errno, "the runtime directory {}", directory);
  if (!S_ISDIR(found.st_mode)) return fail("{} is not a directory", directory);
  if (found.st_uid != ::geteuid() && !of_anybody) return fail("{} is another user's", directory);
  if ((found.st_mode & 022) != 0) return fail("others may write to {}", directory);
  return {};
}

}  // namespace

std::vector<std::string> runtime_directories(const std::string& configured) {
  if (!configured.empty()) return {configured};
  const std::string of_service = environment("RUNTIME_DIRECTORY");  // several: separated by colons
  if (!of_service.empty()) return {of_service.substr(0, of_service.find(':'))};
  if (::geteuid() == 0) return {"/run/cgisrv"};
  std::vector<std::string> found;
  const std::string of_user = environment("XDG_RUNTIME_DIR");
  if (!of_user.empty()) found.push_back(of_user + "/cgisrv");
  for (const char* const folder : {"/tmp", "/dev/shm"})
    found.push_back(fmt::format("{}/cgisrv-{}", folder, ::geteuid()));
  found.emplace_back("/run/cgisrv");
  return found;
}

Result<void> make_directory(const std::string& directory) {
  // Others may pass through it, to a site's own socket; the control socket in it is 0600. The umask
  // of the first server's user must not close the directory to the next server's clients.
  if (::mkdir(directory.c_str(), 0700) == 0)
    ::chmod(directory.c_str(), 0755);
  else if (errno != EEXIST)
    return fail_errno(errno, "making the runtime directory {}", directory);
  return check(directory, false);
}

bool trusted(const std::string& directory) {
  return check(directory, ::geteuid() == 0).has_value();
}

std::string socket_path(const std::string& directory, pid_t pid) {
  return fmt::format("{}/{}{}", directory, pid, suffix);
}

std::vector<SocketFile> sockets_in(const std::string& directory) {
  std::vector<SocketFile> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(suffix)) continue;
    const auto pid = text::parse_number<pid_t>(name.substr(0, name.size() - suffix.size()));
    if (pid) found.push_back({.pid = *pid, .path = entry.path().string()});
  }
  std::ranges::sort(found, {}, &SocketFile::pid);
  return found;
}

pid_t server_of_root(const std::string& directory) {
  struct stat found {};
  if (::geteuid() == 0 || ::lstat(directory.c_str(), &found) != 0 || found.st_uid != 0) return 0;
  for (const SocketFile& file : sockets_in(directory))
    if (::kill(file.pid, 0) != 0 && errno == EPERM) return file.pid;  // alive, and not ours
  return 0;
}

void remove_stale_sockets(const std::string& directory) {
  for (const SocketFile& file : sockets_in(directory))
    if (const auto client = Client::connect(file.path);
        !client && client.error().code == ECONNREFUSED)
      ::unlink(file.path.c_str());
}

}  // namespace cgisrv::control
