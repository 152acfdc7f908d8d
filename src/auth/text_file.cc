#include "auth/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "cgisrv/fd.h"

namespace cgisrv::auth {

namespace {

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

FileState state_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {.error = errno};
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .bytes = static_cast<std::uint64_t>(status.st_size),
          .modified_ns = nanoseconds(status.st_mtim),
          .changed_ns = nanoseconds(status.st_ctim)};
}

// A FIFO or a device must not hold up whoever reads: O_NONBLOCK, and regular files alone.
Result<std::string> read_text_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return fail_errno(errno, "cannot read {}", path);
  if (!S_ISREG(status.st_mode)) return fail("{} is not a regular file", path);
  std::string text;
  std::string piece(64 * 1024, '\0');
  while (true) {
    const ssize_t size = ::read(file.get(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno(errno, "cannot read {}", path);
    if (size == 0) return text;
    text.append(piece, 0, static_cast<std::size_t>(size));
    if (text.size() > file_bytes_max)
      return fail("{} has more than {} MiB, which no such file needs", path,
                  file_bytes_max / 1024 / 1024);
  }
}

std::string fault_text(const std::string& path, const FileFault& fault) {
  if (fault.line == 0) return fmt::format("{}: {}", path, fault.what);
  return fmt::format("{}:{}: {}", path, fault.line, fault.what);
}

void for_each_line(std::string_view text,
                   const std::function<void(unsigned number, std::string_view line)>& take) {
  for (unsigned number = 1; !text.empty(); ++number) {
    std::string_view line = text::take_until(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!text::trim(line).empty() && !line.starts_with('#')) take(number, line);
  }
}

}  // namespace cgisrv::auth
