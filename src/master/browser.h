// The browser of whoever started the server.
#pragma once

#include <string>

namespace cgisrv::master {

// Shows the URL by the first of these that can be started: $BROWSER (commands separated by colons,
// as xdg-open(1) reads it), xdg-open, x-www-browser. Does not wait. What goes wrong is said on
// standard error.
void open_browser(const std::string& url);

}  // namespace cgisrv::master
