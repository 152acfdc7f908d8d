// The runtime directory: where a running server has its control socket, PID.sock, and where
// commands look for it. Only a directory that nobody else can write to is used, so that the server
// found there runs as the same user.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace cgisrv::control {

// Candidates, best first: only `configured`, if not empty, or only $RUNTIME_DIRECTORY of
// systemd.exec(5). Else for root /run/cgisrv, for others $XDG_RUNTIME_DIR/cgisrv, /tmp/cgisrv-UID,
// /dev/shm/cgisrv-UID (of a container whose root is read-only) and /run/cgisrv.
std::vector<std::string> runtime_directories(const std::string& configured);

// Makes it, with mode 0755, unless it exists. It must be a directory and no link, belong to us, and
// be writable for nobody else.
Result<void> make_directory(const std::string& directory);

// Whether a command may look there: the same conditions, but root may look anywhere.
bool trusted(const std::string& directory);

struct SocketFile {
  pid_t pid = 0;  // of its server, in the server's pid namespace
  std::string path;
};

std::string socket_path(const std::string& directory, pid_t pid);

// The sockets in it, of living and of dead servers, by pid.
std::vector<SocketFile> sockets_in(const std::string& directory);
// A server of root's that runs in that directory, and that the calling user may not speak to; 0:
// none does.
pid_t server_of_root(const std::string& directory);

// Removes those of servers that were killed and could not.
void remove_stale_sockets(const std::string& directory);

}  // namespace cgisrv::control
