#include "files/encoded_file.h"

#include <fcntl.h>

#include <utility>

namespace cgisrv::files {

std::optional<EncodedFile> find_encoded(const Tree& tree, const std::string& path,
                                        const struct stat& original, encoding::Coding coding) {
  auto fd =
      tree.open(path + std::string(encoding::ending_of(coding)), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return {};
  EncodedFile file{.fd = std::move(*fd)};
  if (::fstat(file.fd.get(), &file.status) != 0 || !S_ISREG(file.status.st_mode) ||
      file.status.st_mtim.tv_sec < original.st_mtim.tv_sec)
    return {};
  return file;
}

}  // namespace cgisrv::files
