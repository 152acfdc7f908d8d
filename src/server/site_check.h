// What concerns several values of a configuration: names and matches that stand twice, and what a
// location's `cgi` and `interpreter` come down to.
#pragma once

#include <string>

#include "server/config.h"
#include "server/document.h"
#include "server/faults.h"

namespace cgisrv::server {

// Completes what read_config() made of `root`: names in lower case, programs found.
void check_sites(const Value& root, Config& config, Faults& faults);

}  // namespace cgisrv::server
