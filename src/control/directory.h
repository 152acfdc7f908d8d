// The runtime directory: where a running server has its control socket, PID.sock, and where
// commands look for it. Only a directory that nobody else can write to is used, so that whoever
// answers there is of the same user.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace cgisrv::control {

// Where it may be, best first: `configured` alone, if that is not empty, or $RUNTIME_DIRECTORY
// alone, of systemd.exec(5). Otherwise for root /run/cgisrv, for others $XDG_RUNTIME_DIR/cgisrv,
// /tmp/cgisrv-UID and /run/cgisrv.
std::vector<std::string> runtime_directories(const std::string& configured);

// Makes it, with mode 0700, unless it is there. It must be a directory and no link, belong to us,
// and be writable for nobody else.
Result<void> make_directory(const std::string& directory);

// Whether a command may look there: as above, but root looks into any.
bool trusted(const std::string& directory);

struct SocketFile {
  pid_t pid = 0;  // of its server, in the pid namespace of that one
  std::string path;
};

std::string socket_path(const std::string& directory, pid_t pid);

// The sockets that are there, of living servers and of dead ones, by pid.
std::vector<SocketFile> sockets_in(const std::string& directory);

// Removes those of servers that were killed and could not.
void remove_stale_sockets(const std::string& directory);

}  // namespace cgisrv::control
