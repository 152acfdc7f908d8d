// The file that says which process the server is.
#pragma once

#include <string>

#include "base/result.h"

namespace cgisrv::server {

// Ours; never through a link. An empty path: none is wanted.
Result<void> write_pid_file(const std::string& path);
// Unless another server has written its own since.
void remove_pid_file(const std::string& path);

}  // namespace cgisrv::server
