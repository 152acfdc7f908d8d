// The files of the status page (src/admin/status_page/), embedded in the server.
#pragma once

#include <string_view>

namespace cgisrv::admin {

struct StatusAsset {
  std::string_view path;  // of the URL: "/status", "/status/status.js"
  std::string_view content_type;
  std::string_view body;
};

// nullptr: no file of the page has this path.
const StatusAsset* find_status_asset(std::string_view path);

// Content-Security-Policy for all of them: the page only needs its own files. The data: is its
// icon.
inline constexpr std::string_view status_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace cgisrv::admin
