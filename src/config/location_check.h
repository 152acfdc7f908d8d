// Checks the keys of one location against each other, and finds its program and files.
#pragma once

#include "config/document.h"
#include "config/faults.h"
#include "config/forward.h"

namespace cgisrv::config {

// `table` is where the location was read from. Completes it: its program is classified, and the
// files of a regular expression are taken apart.
void check_location(const Value& table, const Site& site, Location& location, Faults& faults);

}  // namespace cgisrv::config
