// What goes over the socketpair between master and worker: packets, told apart by their first byte.
#pragma once

#include <cgisrv/pool.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "pool/channel.h"

namespace cgisrv::pool {

// Master to worker. A byte under listeners_max is a ticket for that listener; the others begin a
// packet. After drain and replaced stand the listeners that end with this worker's group.
enum class Command : std::uint8_t { drain = 0xf0, stop = 0xf1, replaced = 0xf2 };

// Worker to master.
enum class WorkerReport : std::uint8_t {
  ready = 0x01,  // the service is made
  room = 0x02,   // it was full or starved and is no longer
  worn = 0x03,   // it asks for a successor
};

// Both ways: the rest is a message between the service and the master's own code.
inline constexpr char message_mark = '\xf8';

inline std::string make_message(std::string_view text) {
  return std::string(1, message_mark).append(text);
}

template <typename Byte>
std::string make_packet(Byte byte) {
  return std::string(1, static_cast<char>(byte));
}

static_assert(listeners_max <= 0xf0);
static_assert(message_bytes_max < Channel::packet_bytes_max);

}  // namespace cgisrv::pool
