// What clients do by HTTP/2, counted in shared memory. Zeroed memory is a valid start.
#pragma once

#include <atomic>
#include <cstdint>

namespace cgisrv::telemetry {

struct Http2Counts {
  std::atomic<std::uint64_t> connections;
  std::atomic<std::uint64_t> streams;  // requests
  std::atomic<std::uint64_t> resets;   // by a client, or for what it did
  std::atomic<std::uint64_t> refused;  // connections that were ended for what their clients did
};

}  // namespace cgisrv::telemetry
