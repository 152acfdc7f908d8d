// Whom programs run as, by the configuration.
#pragma once

#include "base/result.h"
#include "process/privileges.h"
#include "server/config.h"

namespace cgisrv::server {

// Whether that can be, for us as we are. Programs run as root only where somebody has said so, or
// at least is there to read it. An error's code is EPERM where it takes another user to start.
Result<void> check_user(const Config& config);

// What a worker keeps.
process::Privileges privileges_of(const Config& config);

}  // namespace cgisrv::server
