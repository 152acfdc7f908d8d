// From a host and a decoded path to the site and location that answer. Pure.
#pragma once

#include <string_view>

#include "config/config.h"
#include "http/target.h"

namespace cgisrv::site {

// Exact names first, then the longest "*." pattern, then the first site. Case is ignored; `host`
// has no port.
const config::Site& find_site(const config::Config& config, std::string_view host);

// Whether "example.org" or "*.example.org" matches the host.
bool host_matches(std::string_view name, std::string_view host);

struct Route {
  const config::Site& site;
  const config::Location& location;
  // extension matches: length of the part of the path that ends at the first segment with that
  // ending ("/a/b.cgi" of "/a/b.cgi/info"); otherwise the length of the location's prefix.
  std::size_t matched = 0;
};

// Order: exact; the longest prefix that decides what is run, by running programs or by cgi = false;
// an extension (the first in the path, then the longest); the longest prefix; the site's fallback.
// A single program's prefix also matches without its trailing slash. Only path.text.substr(0,
// path.plain) is considered; an exact match needs the whole path to be plain.
Route find_route(const config::Site& site, const http::Path& path);

// Whether the location's match fits the path, whichever location answers. A prefix also fits its
// own name without the slash at the end.
bool covers(const config::Location& location, const http::Path& path);

}  // namespace cgisrv::site
