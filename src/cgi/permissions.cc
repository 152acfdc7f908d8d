#include "cgi/permissions.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/log.h"
#include "base/text.h"
#include "process/data_file.h"
#include "process/elf.h"
#include "process/privileges.h"
#include "process/shebang.h"

namespace cgisrv::cgi {

namespace {

constexpr std::string_view send_it =
    "move it out of the directory of programs, or give it a location with cgi = false";

std::uint64_t mount_of(const std::string& path) {
  struct statx status {};
  return ::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &status) == 0 ? status.stx_mnt_id : 0;
}

// The topmost folder on the same mount.
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

// For a file that nobody may execute: the remedy depends on whether it begins like a program.
std::string without_execute_bit(const std::string& file) {
  const std::string head = process::file_head(file);
  if (auto data = no_program(file, head); !data.empty()) return data;
  const bool is_text = !head.empty() && !head.starts_with("#!") && !process::read_elf_head(head);
  if (!is_text) return why_not_executable(file);
  const std::string name = text::escape(file);
  return fmt::format(
      "{0} is not executable and has no interpreter line; if it is a program, let it begin with #! "
      "and the path of its interpreter, and run: chmod +x {1}; if it is not, {2}",
      name, text::shell_word(name), send_it);
}

// The first folder on the way to `file` that we may not enter. The targets of links count.
std::string closed_folder(std::string file) {
  constexpr unsigned links_max = 40;  // the kernel's limit
  unsigned links = 0;
  for (std::size_t end = file.find('/', 1); links < links_max; end = file.find('/', end + 1)) {
    const std::filesystem::path part = file.substr(0, end);
    std::error_code no_link;
    const auto target = std::filesystem::read_symlink(part, no_link);
    if (!no_link) {
      const std::string rest = end == file.npos ? "" : file.substr(end);
      file = (part.parent_path() / target).string() + rest;
      ++links;
      end = 0;
    } else if (end == file.npos || !may(part, X_OK)) {
      return part;
    }
  }
  return file;
}

void warn_if_public(const std::string& path, std::string_view consequence) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & S_IWOTH) == 0) return;
  log::line(log::Level::warn,
            "{0} is writable by everyone: any user of this machine can {1}; run: chmod o-w {0}",
            text::escape(path), consequence);
}

}  // namespace

bool may(const std::string& file, int mode) {
  return ::faccessat(AT_FDCWD, file.c_str(), mode, AT_EACCESS) == 0;
}

std::string no_program(const std::string& file, std::string_view head) {
  const auto kind = process::data_kind(file, head);
  if (kind.empty()) return {};
  return fmt::format("{} is {}, and not a program; {}", text::escape(file), kind, send_it);
}

std::string lost_privileges(const Script& script, const Options& options) {
  const auto granted = process::granted_by(script.filename);
  if (granted.empty()) return {};
  const std::string file = text::escape(script.filename);
  if (!script.interpreter.empty() || process::file_head(script.filename).starts_with("#!"))
    return fmt::format("{} is {}, which Linux ignores for scripts", file, granted);
  if (options.allow_setuid) return {};
  return fmt::format(
      "{} is {}, which has no effect here; write allow_setuid = true in its location if it is "
      "meant",
      file, granted);
}

std::string why_not_run(const std::string& file) {
  struct stat status {};
  const bool is_file = ::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode);
  if (is_file && (status.st_mode & 0111) == 0) return without_execute_bit(file);
  return why_not_executable(file);
}

std::string why_unreachable(const std::string& file) {
  const std::string folder = closed_folder(file);
  const bool by_link = !file.starts_with(folder + "/");
  if (process::is_home(folder))
    return fmt::format(
        "{} cannot be reached: user {} may not enter {}, a home; move the program "
        "elsewhere",
        text::escape(file), process::own_user_name(), text::escape(folder));
  return fmt::format(
      "{} cannot be reached: user {} may not enter {}{} run: chmod a+x {}", text::escape(file),
      process::own_user_name(), text::escape(folder),
      by_link ? ", where a symbolic link on its path leads; move the program elsewhere, or" : ";",
      text::shell_word(text::escape(folder)));
}

std::string why_not_executable(const std::string& file) {
  const std::string name = text::escape(file);
  struct stat status {};
  struct statvfs system {};
  if (::stat(file.c_str(), &status) != 0 && errno == EACCES) return why_unreachable(file);
  if (S_ISDIR(status.st_mode))
    return fmt::format("{} is a directory, where a program should be; name the program", name);
  // A script must be readable too, and an unreadable file could be one.
  if (status.st_mode != 0 && (status.st_mode & 0111) == 0)
    return fmt::format("{} is not executable; run: chmod {} {}", name,
                       may(file, R_OK) ? "+x" : "a+rx", text::shell_word(name));
  if (::statvfs(file.c_str(), &system) == 0 && (system.f_flag & ST_NOEXEC) != 0)
    return fmt::format(
        "{0} lies on {1}, which is mounted noexec; move it, or run: mount -o remount,exec {1}",
        name, text::escape(mount_point_of(file)));
  return fmt::format("{} is not executable for user {}; run: chmod {} {}", name,
                     process::own_user_name(), may(file, R_OK) ? "a+x" : "a+rx",
                     text::shell_word(name));
}

void PermissionReview::review(const Script& script, const Options& options) {
  if (seen_.size() >= files_max || !seen_.insert(script.filename).second) return;
  warn_if_public(script.filename, "change what it does");
  warn_if_public(script.filename.substr(0, script.filename.rfind('/') + 1), "put a program there");
  if (const auto lost = lost_privileges(script, options); !lost.empty())
    log::line(log::Level::warn, "{}", lost);
}

}  // namespace cgisrv::cgi
