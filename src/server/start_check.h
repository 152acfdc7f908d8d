// What a valid configuration does not tell: whether the server could start by it here and now.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"

namespace cgisrv::server {

// What would refuse a start by us, as we are, a sentence each. Not faults of the file: whoever
// checks it may not be who starts it, and a service manager makes folders first.
std::vector<std::string> what_a_start_lacks(const Config& config);

}  // namespace cgisrv::server
