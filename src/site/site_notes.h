// Effects of a valid configuration's sites that its author may not have intended.
#pragma once

#include <string>
#include <vector>

#include "config/forward.h"

namespace cgisrv::site {

// A sentence each: where one location takes precedence over another, and where sites share files.
std::vector<std::string> notes_on_sites(const config::Config& config);

}  // namespace cgisrv::site
