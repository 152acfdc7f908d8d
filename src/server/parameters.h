// The one table of every configuration parameter. Defaults, validation, "did you mean" and the
// reference page (docs/reference.md) all come from it.
#pragma once

#include <string>

namespace cgisrv::server {

// docs/reference.md as generated from the table: `cgisrv reference` prints it, a test compares.
std::string reference_page();

}  // namespace cgisrv::server
