// Environment variables of a configuration.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cgisrv::cgi {

// Variables the administrator sets, in the order of configuration.
using Variables = std::vector<std::pair<std::string, std::string>>;

}  // namespace cgisrv::cgi
