// A file that has been compressed beforehand and stands beside it: page.html.br for page.html.
#pragma once

#include <cgisrv/fd.h>
#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/tree.h"
#include "encoding/coding.h"

namespace cgisrv::files {

struct EncodedFile {
  Fd fd;  // for reading
  struct stat status {};
};

// That of `path` in the coding, under the rules of `tree`: a regular file that can be read and is
// not older, in whole seconds, than the file itself, whose state is `original`: brotli(1) gives
// what it makes the file's own time, and drops the fraction. An older one is of other content. No
// rule of access is asked.
std::optional<EncodedFile> find_encoded(const Tree& tree, const std::string& path,
                                        const struct stat& original, encoding::Coding coding);

}  // namespace cgisrv::files
