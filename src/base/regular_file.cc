#include "base/regular_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

namespace cgisrv {

namespace {

constexpr mode_t mode_of_new = 0644;

std::string_view kind_of(mode_t mode) {
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISDIR(mode)) return "a directory";
  return S_ISSOCK(mode) ? "a socket" : "a device";
}

}  // namespace

Result<Fd> open_regular(const std::string& path, int flags) {
  Fd file(::open(path.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode_of_new));
  const int error = errno;
  struct stat status {};
  // Some of the others cannot be opened either, which says less.
  const bool is_known = (file ? ::fstat(file.get(), &status) : ::stat(path.c_str(), &status)) == 0;
  if (is_known && !S_ISREG(status.st_mode))
    return fail("it is not a regular file but {}; name a regular one", kind_of(status.st_mode));
  if (!file || !is_known) return fail_as(error, "{}", errno_text(error));
  return file;
}

Result<std::string> read_regular(const std::string& path, std::size_t bytes_max) {
  const auto file = open_regular(path);
  if (!file) return std::unexpected(file.error());
  std::string text;
  std::string piece(64 * 1024, '\0');
  while (true) {
    const ssize_t size = ::read(file->get(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_as(errno, "{}", errno_text(errno));
    if (size == 0) return text;
    text.append(piece, 0, static_cast<std::size_t>(size));
    if (text.size() > bytes_max)
      return fail_as(EFBIG, "it has more than {} bytes, which no such file needs", bytes_max);
  }
}

}  // namespace cgisrv
