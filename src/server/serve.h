// From a configuration to a running server.
#pragma once

#include "server/config.h"

namespace cgisrv::server {

// Exit statuses as in sysexits.h, which init systems and scripts know.
namespace status {
inline constexpr int ok = 0;
inline constexpr int usage = 64;
inline constexpr int no_input = 66;
inline constexpr int unavailable = 69;
inline constexpr int software = 70;
inline constexpr int cannot_create = 73;
inline constexpr int permission = 77;
inline constexpr int configuration = 78;
}  // namespace status

// Opens listeners and logs, starts the pool, prints one line per listener on stdout once it
// accepts connections, and returns the exit status when the server has stopped. `what` is what that
// line says is served: a directory or a configuration file.
int serve(const Config& config, const std::string& what);

}  // namespace cgisrv::server
