// The user that programs run as, by the configuration.
#pragma once

#include "base/result.h"
#include "config/forward.h"
#include "process/privileges.h"

namespace cgisrv::config {

// Whether this process can do that. Programs run as root only if the configuration says so, or a
// person is there to read the warning. An error's code is EPERM if another user must start it.
Result<void> check_run_as(const Config& config);

// The privileges that a worker keeps.
process::Privileges privileges_of(const Config& config);

}  // namespace cgisrv::config
