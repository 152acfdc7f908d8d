// The files of the status page (src/server/status_page/), which are part of the program.
#pragma once

#include <string_view>

namespace cgisrv::server {

struct StatusAsset {
  std::string_view path;  // of the URL: "/status", "/status/status.js"
  std::string_view content_type;
  std::string_view body;
};

// nullptr: nothing of the page is at this path.
const StatusAsset* find_status_asset(std::string_view path);

// Content-Security-Policy for all of them: the page needs its own files and nothing else. The data:
// is its icon.
inline constexpr std::string_view status_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace cgisrv::server
