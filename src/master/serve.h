// From a configuration to a running server.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/config.h"
#include "master/upgrade.h"

namespace cgisrv::master {

// The configuration, or all its faults, a line each.
using ReadConfig = std::function<std::expected<config::Config, std::vector<std::string>>()>;

struct ServeOptions {
  std::string what;        // what is served: a directory or a configuration file
  ReadConfig read_config;  // also for a reload
  Invocation invocation;   // what an upgrade starts
  bool open_browser = false;
};

// Opens listeners and logs, starts the pool, prints one line per listener on stdout once it
// accepts connections, and returns the exit status when the server has stopped.
int serve(config::Config config, ServeOptions start);

}  // namespace cgisrv::master
