#include "files/encoded_file.h"

#include <fcntl.h>

#include <utility>

namespace cgisrv::files {

namespace {

// brotli(1) gives what it makes the time of the file, and drops the fraction of a second.
bool is_older(const struct timespec& encoded, const struct timespec& original) {
  if (encoded.tv_sec != original.tv_sec) return encoded.tv_sec < original.tv_sec;
  return encoded.tv_nsec != 0 && encoded.tv_nsec < original.tv_nsec;
}

}  // namespace

std::optional<EncodedFile> find_encoded(const Tree& tree, const std::string& path,
                                        const struct stat& original, encoding::Coding coding) {
  auto fd =
      tree.open(path + std::string(encoding::ending_of(coding)), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return {};
  EncodedFile file{.fd = std::move(*fd)};
  if (::fstat(file.fd.get(), &file.status) != 0 || !S_ISREG(file.status.st_mode) ||
      is_older(file.status.st_mtim, original.st_mtim))
    return {};
  return file;
}

}  // namespace cgisrv::files
