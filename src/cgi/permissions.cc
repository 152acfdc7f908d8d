#include "cgi/permissions.h"

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "base/log.h"
#include "base/text.h"
#include "process/privileges.h"

namespace cgisrv::cgi {

namespace {

bool begins_with_shebang(const std::string& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 2> bytes{};
  return fd && ::read(fd.get(), bytes.data(), bytes.size()) == 2 && bytes[0] == '#' &&
         bytes[1] == '!';
}

std::uint64_t mount_of(const std::string& path) {
  struct statx status {};
  return ::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &status) == 0 ? status.stx_mnt_id : 0;
}

// The topmost folder that is on the same mount.
std::string mount_point_of(std::string path) {
  const std::uint64_t mount = mount_of(path);
  while (path != "/") {
    const auto slash = path.rfind('/');
    const std::string above = slash == 0 || slash == path.npos ? "/" : path.substr(0, slash);
    if (mount_of(above) != mount) break;
    path = above;
  }
  return path;
}

void warn_if_public(const std::string& path, std::string_view consequence) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & S_IWOTH) == 0) return;
  log::line(log::Level::warn,
            "{0} is writable by everyone: any user of this machine can {1}; run: chmod o-w {0}",
            text::escape(path), consequence);
}

}  // namespace

std::string lost_privileges(const Script& script, const Options& options) {
  const auto granted = process::granted_by(script.filename);
  if (granted.empty()) return {};
  const std::string file = text::escape(script.filename);
  if (!script.interpreter.empty() || begins_with_shebang(script.filename))
    return fmt::format("{} is {}, which Linux ignores for scripts", file, granted);
  if (options.allow_setuid) return {};
  return fmt::format(
      "{} is {}, which has no effect here; write allow_setuid = true in its location if it is "
      "meant",
      file, granted);
}

std::string why_not_executable(const std::string& file) {
  const std::string name = text::escape(file);
  struct stat status {};
  struct statvfs system {};
  if (::stat(file.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
    return fmt::format("{} is a directory, where a program should be; name the program", name);
  if (status.st_mode != 0 && (status.st_mode & 0111) == 0)
    return fmt::format("{0} is not executable; run: chmod +x {1}", name, text::shell_word(name));
  if (::statvfs(file.c_str(), &system) == 0 && (system.f_flag & ST_NOEXEC) != 0)
    return fmt::format(
        "{0} lies on {1}, which is mounted noexec; move it, or run: mount -o remount,exec {1}",
        name, text::escape(mount_point_of(file)));
  return fmt::format("{0} is not executable for user {1}; run: chmod a+x {2}", name, ::geteuid(),
                     text::shell_word(name));
}

void PermissionReview::look(const Script& script, const Options& options) {
  if (seen_.size() >= files_max || !seen_.insert(script.filename).second) return;
  warn_if_public(script.filename, "change what it does");
  warn_if_public(script.filename.substr(0, script.filename.rfind('/') + 1), "put a program there");
  if (const auto lost = lost_privileges(script, options); !lost.empty())
    log::line(log::Level::warn, "{}", lost);
}

}  // namespace cgisrv::cgi
