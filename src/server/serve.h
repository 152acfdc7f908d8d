// From a configuration to a running server.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/config.h"
#include "server/upgrade.h"

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

// The configuration, or every fault that was found in it, a line each.
using ReadConfig = std::function<std::expected<Config, std::vector<std::string>>()>;

struct Start {
  std::string what;        // is served: a directory or a configuration file
  ReadConfig read_config;  // also when it is to be reloaded
  Invocation invocation;   // what an upgrade starts
};

// Opens listeners and logs, starts the pool, prints one line per listener on stdout once it
// accepts connections, and returns the exit status when the server has stopped.
int serve(Config config, Start start);

}  // namespace cgisrv::server
