#include "base/tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>

#include "base/check.h"
#include "base/text.h"

namespace cgisrv {

namespace {

// -1 and errno, like the system calls.
int open_without_links(int directory, const std::string& path, int flags, std::uint64_t rules) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | rules;
  return static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how));
}

// Absolute, and without segments that realpath(3) would leave out.
bool is_canonical(std::string_view path) {
  if (!path.starts_with('/')) return false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto segment = path.substr(0, path.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    path.remove_prefix(segment.size());
  }
  return true;
}

// The target of `link`, an entry of `directory`, if both have the same owner. The link is read
// through its descriptor, so that it is the one whose owner is checked.
Fd follow_own(int directory, Fd link, uid_t owner) {
  std::array<char, PATH_MAX> text{};
  if (::readlinkat(link.get(), "", text.data(), text.size() - 1) < 0) return {};
  Fd target(::openat(directory, text.data(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (!target || ::fstat(target.get(), &status) != 0) return {};
  if (status.st_uid == owner) return target;
  errno = ELOOP;
  return {};
}

// The same in single steps, each of which may be such a link. A descriptor of O_PATH.
Fd open_by_owner(Fd directory, std::string_view below) {
  while (directory && !below.empty()) {
    const std::string name(text::take_until(below, '/'));
    Fd entry(::openat(directory.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!entry || ::fstat(entry.get(), &status) != 0) return {};
    if (S_ISLNK(status.st_mode))
      entry = follow_own(directory.get(), std::move(entry), status.st_uid);
    directory = std::move(entry);
  }
  return directory;
}

}  // namespace

Result<Fd> Tree::open(const std::string& path, int flags) const {
  CGISRV_CHECK(path.starts_with(root));
  const auto result = [&path](Fd fd) -> Result<Fd> {
    if (!fd) return fail_errno(errno, "{}", path);
    return fd;
  };
  if (links == Links::follow) return result(Fd(::open(path.c_str(), flags | O_CLOEXEC)));
  Fd top(::open(std::string(root).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top) return result({});
  std::string_view below = std::string_view(path).substr(root.size());
  while (below.starts_with('/'))
    below.remove_prefix(1);
  if (links == Links::never)
    return result(Fd(open_without_links(top.get(), below.empty() ? "." : std::string(below), flags,
                                        RESOLVE_BENEATH)));
  Fd found = open_by_owner(std::move(top), below);
  if (!found || (flags & O_PATH) != 0) return result(std::move(found));
  const std::string again = fmt::format("/proc/self/fd/{}", found.get());
  return result(Fd(::open(again.c_str(), flags | O_CLOEXEC)));
}

Result<Tree::ResolvedName> Tree::resolve(const std::string& path) const {
  const auto file = open(path, O_PATH);
  if (!file) return std::unexpected(file.error());
  std::array<char, PATH_MAX> text{};
  const std::string itself = fmt::format("/proc/self/fd/{}", file->get());
  if (::readlink(itself.c_str(), text.data(), text.size() - 1) < 0)
    return fail_errno(errno, "{}", itself);
  const std::string real = text.data();
  const std::size_t slash = real.rfind('/');
  auto directory = Tree{"/", Links::never}.open(real.substr(0, slash + 1), O_PATH | O_DIRECTORY);
  if (!directory) return std::unexpected(directory.error());
  struct stat found {
  }, expected{};
  ResolvedName resolved{std::move(*directory), real.substr(slash + 1)};
  if (::fstat(file->get(), &expected) != 0 ||
      ::fstatat(resolved.directory.get(), resolved.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0)
    return fail_errno(errno, "{}", real);
  if (found.st_dev != expected.st_dev || found.st_ino != expected.st_ino)
    return fail_errno(ENOENT, "{} has been replaced", real);
  return resolved;
}

int Tree::examine(const std::string& path, struct stat& status) const {
  if (links == Links::follow) return ::stat(path.c_str(), &status) == 0 ? 0 : errno;
  const auto found = open(path, O_PATH);
  if (!found) return found.error().code;
  return ::fstat(found->get(), &status) == 0 ? 0 : errno;
}

namespace {

constexpr int reading = O_RDONLY | O_NONBLOCK | O_NOCTTY;

// Fails with ELOOP where a part of the name is a link, which the rules of a tree may allow.
bool open_real(const std::string& path, Seen& seen) {
  if (is_canonical(path)) seen.fd = Fd(open_without_links(AT_FDCWD, path, reading, 0));
  seen.is_real = static_cast<bool>(seen.fd);
  return seen.is_real;
}

int examine_open(Seen& seen) {
  return ::fstat(seen.fd.get(), &seen.status) == 0 ? 0 : errno;
}

}  // namespace

// It is examined before it is opened: to open a device may have effects.
int Tree::look(const std::string& path, Seen& seen) const {
  if (const int error = examine(path, seen.status); error != 0) return error;
  return S_ISREG(seen.status.st_mode) && open_real(path, seen) ? examine_open(seen) : 0;
}

int Tree::look_inside(const std::string& path, Seen& seen) const {
  const int error = look_at_real(path, seen);
  if (seen.is_real || error == ENOENT) return error;
  auto opened = open(path, reading);
  if (!opened) return opened.error().code;
  seen.fd = std::move(*opened);
  return examine_open(seen);
}

int look_at_real(const std::string& path, Seen& seen) {
  errno = ELOOP;
  return open_real(path, seen) ? examine_open(seen) : errno;
}

const std::string& real_name(const std::string& path, const Seen& seen) {
  if (seen.is_real) return path;  // NOLINT(bugprone-return-const-ref-from-parameter)
  if (seen.real.empty()) seen.real = real_path(path);
  return seen.real;
}

std::string real_path(const std::string& path) {
  // realpath(3) asks of every segment whether it is a link; this asks once whether one is.
  if (is_canonical(path) && Fd(open_without_links(AT_FDCWD, path, O_PATH, 0))) return path;
  std::array<char, PATH_MAX> real{};
  return ::realpath(path.c_str(), real.data()) != nullptr ? real.data() : std::string();
}

}  // namespace cgisrv
