// Programs that a location names (`cgi = FILE` or a directory), and that have another address,
// where other rules of access hold: for `cgisrv check`.
#pragma once

#include <string>
#include <vector>

#include "config/forward.h"

namespace cgisrv::site {

void note_named_programs(const config::Config& config, std::vector<std::string>& notes);

}  // namespace cgisrv::site
