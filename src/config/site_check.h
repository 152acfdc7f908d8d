// Checks across values of a configuration: duplicate names and matches, and the combined meaning of
// a location's `cgi` and `interpreter`.
#pragma once

#include <string>

#include "config/document.h"
#include "config/faults.h"
#include "config/forward.h"

namespace cgisrv::config {

// Completes the result of read_config() for `root`: names in lower case, programs found.
void check_sites(const Value& root, Config& config, Faults& faults);

// Notes deadlines of programs that are never reached, as `timeout` is before them. `file`: of root.
void note_deadlines(const Value& root, const std::string& file, Config& config);

}  // namespace cgisrv::config
