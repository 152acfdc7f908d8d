// Files that an administrator or a command names. A FIFO in the place of one would hold up whoever
// opens it, perhaps the master at a reload, and a device may never end: only regular files are
// opened.
#pragma once

#include <cgisrv/fd.h>
#include <fcntl.h>

#include <cstddef>
#include <string>

#include "base/result.h"

namespace cgisrv {

// Errors do not name the path: the caller says what the file is for. Their code is an errno value;
// 0: it is not a regular file.
Result<Fd> open_regular(const std::string& path, int flags = O_RDONLY);

// Its whole text, in the same words; EFBIG: it is longer than that.
Result<std::string> read_regular(const std::string& path, std::size_t bytes_max);

}  // namespace cgisrv
