// The file with the server's process id.
#pragma once

#include <string>

#include "base/result.h"

namespace cgisrv::master {

// Writes our pid; never through a link. An empty path: no file.
Result<void> write_pid_file(const std::string& path);
// Unless another server has written its own since.
void remove_pid_file(const std::string& path);

}  // namespace cgisrv::master
