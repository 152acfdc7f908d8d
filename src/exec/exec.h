// cgisrv exec: one request to one program, answered by a worker's code, and shown.
#pragma once

#include "config/config.h"
#include "exec/options.h"

namespace cgisrv::exec {

// Prints what the options ask for, and returns the exit status of the command: see command/cli.cc.
int run(const ExecOptions& options, const config::DirectoryOptions& directory);
int run(const ExecOptions& options, config::Config config);  // with a configuration

}  // namespace cgisrv::exec
