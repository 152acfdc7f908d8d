// What concerns several listeners of a configuration: addresses of which only one can be open.
#pragma once

#include "server/config.h"
#include "server/document.h"
#include "server/faults.h"

namespace cgisrv::server {

// Completes what read_config() made of `root`: each listener knows its line.
void check_listeners(const Value& root, Config& config, Faults& faults);

}  // namespace cgisrv::server
