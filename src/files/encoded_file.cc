#include "files/encoded_file.h"

namespace cgisrv::files {

namespace {

// brotli(1) gives what it makes the time of the file, and drops the fraction of a second.
bool is_older(const struct timespec& encoded, const struct timespec& original) {
  if (encoded.tv_sec != original.tv_sec) return encoded.tv_sec < original.tv_sec;
  return encoded.tv_nsec != 0 && encoded.tv_nsec < original.tv_nsec;
}

}  // namespace

bool is_of(const struct stat& encoded, const struct stat& original) {
  return S_ISREG(encoded.st_mode) && !is_older(encoded.st_mtim, original.st_mtim);
}

std::optional<Seen> find_encoded(const Tree& tree, const std::string& path,
                                 const struct stat& original, encoding::Coding coding) {
  Seen seen;
  if (tree.look_inside(path + std::string(encoding::ending_of(coding)), seen) != 0) return {};
  if (!is_of(seen.status, original)) return {};
  return seen;
}

}  // namespace cgisrv::files
