// Checks across the listeners of a configuration: addresses of which only one can be open.
#pragma once

#include <string>

#include "config/document.h"
#include "config/faults.h"
#include "config/forward.h"

namespace cgisrv::config {

// Completes the result of read_config() for `root`: sets each listener's lines.
void check_listeners(const Value& root, Config& config, Faults& faults);

// Of a listener for web servers: what other machines may do by it, where no `allow` says which of
// them may connect, and what to write instead; else empty.
std::string note_on_open_gateway(const ListenerOptions& listen);

}  // namespace cgisrv::config
