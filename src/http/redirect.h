// The Location of a redirect.
#pragma once

#include <string>
#include <string_view>

namespace cgisrv::http {

// With the query of the request, not yet encoded, unless it has one of its own. Pure.
std::string with_query(std::string url, std::string_view query);

}  // namespace cgisrv::http
