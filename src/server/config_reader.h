// Fills in a Config from a parsed file, as the table of parameters says.
#pragma once

#include <string>

#include "server/config.h"
#include "server/document.h"
#include "server/faults.h"

namespace cgisrv::server {

// Types, ranges and single values are checked; what concerns several is site_check.h's. Relative
// paths are made absolute with `folder`.
Config read_config(const Value& root, const std::string& folder, Faults& faults);

// `path` seen from `folder`, without dot segments and without a slash at the end (but for "/").
std::string absolute_path(const std::string& folder, const std::string& path);

}  // namespace cgisrv::server
