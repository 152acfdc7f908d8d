// A file that has been compressed beforehand and stands beside it: page.html.br for page.html.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/tree.h"
#include "encoding/coding.h"

namespace cgisrv::files {

// Whether `encoded` may hold what `original` does: it is a regular file and not older. One whose
// time has no fraction of a second is compared in whole seconds, for tools drop it. An older one is
// of other content.
bool is_of(const struct stat& encoded, const struct stat& original);

// That of `path` in the coding, under the rules of `tree`: a file that can be read and is_of() the
// file itself, whose state is `original`. No rule of access is asked.
std::optional<Seen> find_encoded(const Tree& tree, const std::string& path,
                                 const struct stat& original, encoding::Coding coding);

}  // namespace cgisrv::files
