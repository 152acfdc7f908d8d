// How long things took, over many: a log-linear histogram in shared memory. Eight buckets to each
// doubling, so a percentile is within 1/16 of the truth, from a microsecond to a day.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace cgisrv::account {

class Histogram {
 public:
  using Duration = std::chrono::microseconds;

  // One addition, from any process.
  void add(Duration duration);

  std::uint64_t count() const;
  // The duration that `share` (0 to 1) of all stay under; 0 when there are none.
  Duration percentile(double share) const;

  // For those who draw or publish it: how many buckets, how full, and below what duration.
  static constexpr unsigned buckets = 280;
  std::uint32_t bucket(unsigned index) const {
    return counts_[index].load(std::memory_order_relaxed);
  }
  static Duration upper_bound(unsigned index);

 private:
  std::array<std::atomic<std::uint32_t>, buckets> counts_;
};

}  // namespace cgisrv::account
