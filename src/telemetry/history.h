// What the server did in the last quarter of an hour, five seconds at a time. In shared memory, so
// that it outlives the process that samples it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "account/histogram.h"
#include "telemetry/slot.h"

namespace cgisrv::telemetry {

// One interval.
struct Sample {
  double time = 0;             // of its end, seconds since 1970
  std::uint64_t requests = 0;  // that ended in it
  std::uint64_t failed = 0;    // those of them with a status of 500 or more
  double p50_seconds = 0;      // of those that ended in it; not for none
  double p90_seconds = 0;
  double p99_seconds = 0;
  std::uint64_t running = 0;  // at its end: programs
  std::uint64_t waiting = 0;  // requests
  std::uint64_t connections = 0;
};

// Zeroed memory is a valid beginning. One process writes at a time.
class History {
 public:
  static constexpr std::chrono::seconds interval{5};
  static constexpr unsigned samples_max = 180;

  void add(const Sample& sample);
  std::vector<Sample> samples() const;  // oldest first

 private:
  std::atomic<std::uint64_t> written_;
  std::array<Slot<Sample>, samples_max> ring_;
};

// What of something that only grows has come in the last minute: looks at it are kept for so long.
class Recent {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds window{60};

  struct Totals {
    std::uint64_t requests = 0;
    std::uint64_t failed = 0;
    std::chrono::microseconds cpu{};
    account::Histogram::Counts durations;
  };
  struct Figures {
    double seconds = 0;  // that it is about: a minute and a bit, or since the first look
    Totals totals;
  };

  // Every few seconds.
  void look(const Totals& totals, Clock::time_point now);
  Figures figures() const;

 private:
  struct Look {
    Clock::time_point time;
    Totals totals;
  };
  std::deque<Look> kept_;  // some seconds apart, oldest first
  Look latest_;
};

}  // namespace cgisrv::telemetry
