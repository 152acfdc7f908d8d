// cgisrv exec: one request to one program, answered by what a worker answers with, and shown.
#pragma once

#include "server/cli.h"
#include "server/config.h"

namespace cgisrv::exec {

// Prints what the options ask for, and returns the exit status of the command: see server/cli.cc.
int run(const server::ExecOptions& options);                         // as in directory mode
int run(const server::ExecOptions& options, server::Config config);  // by configuration

}  // namespace cgisrv::exec
