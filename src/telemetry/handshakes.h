// Handshakes of TLS, counted in shared memory. Zeroed memory is a valid start.
#pragma once

#include <atomic>
#include <cstdint>

namespace cgisrv::telemetry {

struct Handshakes {
  std::atomic<std::uint64_t> full;
  std::atomic<std::uint64_t> resumed;  // of a client that had shaken hands before
  std::atomic<std::uint64_t> failed;   // begun, and not completed
};

}  // namespace cgisrv::telemetry
