// Notes on the folders that a configuration serves, as they are when it is checked.
#pragma once

#include <string>
#include <vector>

#include "config/forward.h"

namespace cgisrv::site {

// Programs in the folder of a prefix that nothing runs: visitors would get their source. Looks at
// no more than the first entries of each folder, and in none below it.
void note_unrun_programs(const config::Config& config, std::vector<std::string>& notes);

}  // namespace cgisrv::site
