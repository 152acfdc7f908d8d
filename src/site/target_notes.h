// Notes on the addresses that a configuration names itself: whether they lead anywhere.
#pragma once

#include <string>
#include <vector>

#include "config/forward.h"

namespace cgisrv::site {

// Of each step of `try` and each page of `error_pages` by which nothing is found, and each
// redirect that leads back to its own location. Looks at the file system as locate() does.
void note_targets(const config::Config& config, std::vector<std::string>& notes);

}  // namespace cgisrv::site
