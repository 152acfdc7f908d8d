// Checks across the listeners of a configuration: addresses of which only one can be open.
#pragma once

#include "config/document.h"
#include "config/faults.h"
#include "config/forward.h"

namespace cgisrv::config {

// Completes the result of read_config() for `root`: sets each listener's line.
void check_listeners(const Value& root, Config& config, Faults& faults);

}  // namespace cgisrv::config
