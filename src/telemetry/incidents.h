// The requests that somebody will ask about: those that failed lately, and the slowest of the last
// minutes. Bounded, in shared memory; workers write, anybody may read.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "telemetry/slot.h"

namespace cgisrv::telemetry {

// A text that is cut where the room ends, and holds its place in shared memory.
template <unsigned size>
class Text {
 public:
  Text() = default;
  explicit Text(std::string_view text)
      : size_(static_cast<std::uint16_t>(text.copy(bytes_.data(), size))) {}
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, size> bytes_{};
  std::uint16_t size_ = 0;
};

struct Incident {
  std::int64_t time_ms = 0;  // of its end, since 1970
  Text<20> request_id;
  Text<140> program;  // its file; empty: none
  Text<200> url;      // as it was sent
  Text<12> outcome;   // of the program, account::text(Outcome)
  Text<300> diagnosis;
  std::uint32_t status = 0;
  std::int64_t duration_us = 0;
  std::int64_t wait_us = 0;  // for a place to run in
  std::int64_t cpu_us = 0;
  std::uint64_t memory_peak_bytes = 0;
};

// Zeroed memory is a valid beginning. An entry that two processes write at the same time may be
// lost, and is then nobody's.
class Incidents {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = std::chrono::microseconds;

  static constexpr unsigned failures_max = 50;
  static constexpr unsigned slowest_max = 20;
  static constexpr auto slowest_window = std::chrono::minutes(15);

  void add_failure(Incident incident);
  // Whether one that took so long belongs to the slowest: a look at 20 words.
  bool is_slow(Duration duration, Clock::time_point now) const;
  void add_slow(const Incident& incident, Clock::time_point now);

  std::vector<Incident> failures() const;  // newest first
  std::vector<Incident> slowest(Clock::time_point now) const;

 private:
  struct Numbered {
    std::uint64_t number;
    Incident incident;
  };
  // The slowest of one minute. A key holds minute and duration, so that what is of an earlier
  // minute counts less than anything of this one, and nobody needs to clear it.
  struct Minute {
    std::array<std::atomic<std::uint64_t>, slowest_max> keys;
    std::array<Slot<Incident>, slowest_max> slots;
  };
  static constexpr unsigned minutes = 16;

  static std::uint64_t minute_of(Clock::time_point now);
  static std::uint64_t key_of(Duration duration, Clock::time_point now);

  std::atomic<std::uint64_t> failures_;  // so many were written
  std::array<Slot<Numbered>, failures_max> ring_;
  std::array<Minute, minutes> minutes_;
};

}  // namespace cgisrv::telemetry
