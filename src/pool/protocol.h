// What goes over the socketpair between master and worker: single bytes, each a whole message.
#pragma once

#include <cgisrv/pool.h>

#include <cstdint>

namespace cgisrv::pool {

// Master to worker: a byte under listeners_max is a ticket for that listener; the others:
enum class Command : std::uint8_t { drain = 0xf0, stop = 0xf1 };

// Worker to master.
enum class Report : std::uint8_t {
  ready = 0x01,  // the service is made
  room = 0x02,   // it was full or starved and no longer is
};

static_assert(listeners_max <= 0xf0);

}  // namespace cgisrv::pool
