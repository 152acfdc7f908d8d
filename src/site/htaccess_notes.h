// Notes on the .htaccess files of another server, which have no effect here.
#pragma once

#include <string>
#include <vector>

#include "config/forward.h"

namespace cgisrv::site {

// What lies below the folders that are served, and nothing of the configuration stands for: a
// folder that was closed by such a file is open here. Looks at a bounded number of entries and
// follows no link.
void note_htaccess(const config::Config& config, std::vector<std::string>& notes);

}  // namespace cgisrv::site
