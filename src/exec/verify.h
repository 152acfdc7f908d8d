// cgisrv exec --verify: runs a program cold and warm in turns, and shows whether that differs.
#pragma once

#include <sys/resource.h>

#include "exec/report.h"
#include "exec/request.h"
#include "exec/resolved_request.h"

namespace cgisrv::exec {

// Prints its findings, and returns the exit status of the command: see command/cli.cc. May send the
// request many times. No loop may have been made before.
int verify(const ResolvedRequest& resolved, const ExecRequest& request, const rlimit& descriptors,
           const Style& style);

}  // namespace cgisrv::exec
