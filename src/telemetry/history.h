// The server's activity in the last quarter of an hour, in intervals of five seconds. In shared
// memory, so that it outlives the process that samples it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "account/histogram.h"
#include "telemetry/checksummed_slot.h"

namespace cgisrv::telemetry {

// One interval.
struct Sample {
  double time = 0;             // its end, seconds since 1970
  std::uint64_t requests = 0;  // that ended in it
  std::uint64_t failed = 0;    // of these, with a status of 500 or more
  double p50_seconds = 0;      // of these; unset if there were none
  double p90_seconds = 0;
  double p99_seconds = 0;
  std::uint64_t running = 0;  // at its end: programs
  std::uint64_t waiting = 0;  // requests
  std::uint64_t connections = 0;
};

// Zeroed memory is a valid start. One process writes at a time.
class History {
 public:
  static constexpr std::chrono::seconds interval{5};
  static constexpr unsigned samples_max = 180;

  void add(const Sample& sample);
  // The oldest first, each later than the one before it, whatever the clock was set to meanwhile.
  std::vector<Sample> samples() const;

 private:
  std::atomic<std::uint64_t> written_;
  std::array<ChecksummedSlot<Sample>, samples_max> ring_;
};

// The last minute's increase of counters that only grow or start anew. Keeps readings for that
// long.
class Recent {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds window{60};

  struct Totals {
    std::uint64_t requests = 0;
    std::uint64_t failed = 0;
    std::uint64_t bad_exits = 0;  // answered, then ended with a status other than 0
    std::chrono::microseconds cpu{};
    account::Histogram::Counts durations;
  };
  struct Growth {
    double seconds = 0;  // covered: a minute or slightly more, or since the first reading
    Totals totals;
  };

  // To be called every few seconds.
  void record(const Totals& totals, Clock::time_point now);
  Growth growth() const;

 private:
  struct Reading {
    Clock::time_point time;
    Totals totals;
  };
  std::deque<Reading> kept_;  // some seconds apart, oldest first
  Reading latest_;
};

}  // namespace cgisrv::telemetry
