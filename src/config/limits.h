// What a client may take: sizes, and times.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace cgisrv::config {

using Duration = std::chrono::milliseconds;
inline constexpr Duration duration_unlimited = Duration::max();
inline constexpr std::uint64_t bytes_unlimited = std::numeric_limits<std::uint64_t>::max();

// [limits]; body_size can also be set per location.
struct Limits {
  std::uint64_t header_size = 16 * 1024;
  std::uint64_t target_size = 8 * 1024;
  unsigned header_fields = 100;
  std::uint64_t body_size = 10 * 1024 * 1024;
  Duration header_timeout{10'000};
  // A client's slowness, by net::MinRateTimer: the bucket, and bytes a second.
  Duration body_timeout{60'000};
  std::uint64_t body_rate = 500;
  Duration send_timeout{60'000};
  std::uint64_t send_rate = 500;
  Duration keepalive_timeout{60'000};
  Duration half_close_timeout{500};     // a client that has shut its sending side gets this long
  unsigned keepalive_requests = 10000;  // per connection
  unsigned max_streams = 100;           // of a connection at a time, in HTTP/2
};

}  // namespace cgisrv::config
