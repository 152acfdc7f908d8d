// Requests that somebody will ask about: recent failures, and the slowest of the last minutes.
// Bounded, in shared memory; workers write, anybody may read.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "telemetry/checksummed_slot.h"

namespace cgisrv::telemetry {

// A text in shared memory, cut to its fixed room.
template <unsigned size>
class Text {
 public:
  Text() = default;
  static constexpr unsigned bytes_max = size;
  explicit Text(std::string_view text)
      : size_(static_cast<std::uint16_t>(text.copy(bytes_.data(), size))) {}
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, size> bytes_{};
  std::uint16_t size_ = 0;
};

struct Incident {
  std::int64_t time_ms = 0;  // its end, since 1970
  Text<128> request_id;
  Text<140> program;  // its file; empty: none
  Text<200> url;      // as sent, printable
  Text<12> outcome;   // of the program, account::text(Outcome)
  Text<300> diagnosis;
  std::uint32_t status = 0;
  std::int64_t duration_us = 0;
  std::int64_t wait_us = 0;  // for a permit
  std::int64_t cpu_us = 0;
  std::uint64_t memory_peak_bytes = 0;
};

// Zeroed memory is a valid start. An entry that two processes write at once may be lost; then it
// counts as empty.
class Incidents {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = std::chrono::microseconds;

  static constexpr unsigned failures_max = 50;
  static constexpr unsigned slowest_max = 20;
  static constexpr auto slowest_window = std::chrono::minutes(15);

  void add_failure(Incident incident);
  // Whether a request of that duration is among the slowest: compares 20 words.
  bool is_slow(Duration duration, Clock::time_point now) const;
  void add_slow(const Incident& incident, Clock::time_point now);

  std::vector<Incident> failures() const;  // newest first
  std::vector<Incident> slowest(Clock::time_point now) const;

 private:
  struct Numbered {
    std::uint64_t number;
    Incident incident;
  };
  // The slowest of one minute. A key holds minute and duration, so that any entry of an earlier
  // minute counts less than those of this one, and nobody needs to clear it.
  struct Minute {
    std::array<std::atomic<std::uint64_t>, slowest_max> keys;
    std::array<ChecksummedSlot<Incident>, slowest_max> slots;
  };
  static constexpr unsigned minutes = 16;

  static std::uint64_t minute_of(Clock::time_point now);
  static std::uint64_t key_of(Duration duration, Clock::time_point now);

  std::atomic<std::uint64_t> failures_;  // number written
  std::array<ChecksummedSlot<Numbered>, failures_max> ring_;
  std::array<Minute, minutes> minutes_;
};

}  // namespace cgisrv::telemetry
