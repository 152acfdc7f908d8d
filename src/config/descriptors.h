// How many connections a worker's open descriptors suffice for.
#pragma once

#include <sys/resource.h>

#include <string>

#include "config/forward.h"

namespace cgisrv::config {

inline constexpr unsigned connections_automatic_max = 65'535;

// A worker's need for that many: one each, some of its own, and a reserve, so that idle connections
// do not make programs and files fail. A running program takes up to six.
rlim_t descriptors_for(unsigned connections);
// The inverse; at least 1.
unsigned connections_within(rlim_t descriptors);

// The desired number: as configured, or what the hard limit allows.
unsigned connections_wanted(const ServerOptions& options, const rlimit& limit);
// The number that will be possible.
unsigned connections_allowed(const ServerOptions& options, const rlimit& limit);

// If more is configured than possible: a sentence that says what to do; else empty.
std::string connections_lacking(const ServerOptions& options, const rlimit& limit);

}  // namespace cgisrv::config
