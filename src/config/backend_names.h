// `fastcgi = "php:9000"`: the names of hosts in a configuration.
#pragma once

#include <chrono>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "net/lookup.h"

namespace cgisrv::config {

// For all names together.
inline constexpr std::chrono::seconds lookup_timeout{5};

// The hosts of backends that are named and not looked up yet, each once.
std::vector<net::HostPort> unknown_backends(const Config& config);
// Asks for them, with the rights of a worker.
Result<net::Lookup> begin_lookup(const Config& config);
// What was found becomes part of the configuration. An error says where the name stands that has no
// address; its code is EHOSTUNREACH.
Result<void> end_lookup(Config& config, net::Lookup lookup);

// All of it. Blocks, for lookup_timeout at most.
Result<void> look_up_backends(Config& config);

}  // namespace cgisrv::config
