// `fastcgi = "php:9000"`: the names of hosts in a configuration.
#pragma once

#include "base/result.h"
#include "config/config.h"

namespace cgisrv::config {

// Looks up the host of each backend that is named and not looked up yet, with the rights of a
// worker. Blocks, for five seconds at most in all. An error says where the name stands; its code is
// EHOSTUNREACH.
Result<void> look_up_backends(Config& config);

}  // namespace cgisrv::config
