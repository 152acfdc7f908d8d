// What a server says to whoever started it, on standard output, once it serves.
#pragma once

#include <string>

#include "master/generation.h"

namespace cgisrv::master {

// A line for each listener, for each address that other machines reach it by, and for the status
// page. On a terminal the first address for other machines is shown as a QR code too.
// `what`: the directory or the configuration file that is served.
void announce(const std::string& what, const Generation& generation);

// Those of all listeners, as people write them.
std::string addresses_of(const Generation& generation);

// Shows the first listener that has a URL in a browser.
void open_first(const Generation& generation);

}  // namespace cgisrv::master
