// cgisrv exec --verify: a program run cold and warm in turns, and whether that makes a difference.
#pragma once

#include <sys/resource.h>

#include <string>

#include "exec/place.h"
#include "exec/report.h"
#include "exec/request.h"

namespace cgisrv::exec {

// Prints what it finds, and returns the exit status of the command: see server/cli.cc. The request
// may be sent many times. No loop may have been made before.
int verify(const Place& place, const Request& request, const rlimit& descriptors,
           const Style& style);

}  // namespace cgisrv::exec
