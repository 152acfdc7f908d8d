// Durations of many runs: a log-linear histogram in shared memory. Eight buckets to each doubling,
// so a percentile is within 1/16 of the truth, from a microsecond to a day.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace cgisrv::account {

class Histogram {
 public:
  using Duration = std::chrono::microseconds;

  static constexpr unsigned buckets = 280;
  // Durations in the bucket are shorter than this. Powers of two of a microsecond are among them.
  static Duration upper_bound(unsigned index);

  // The counts of one moment, or, as a difference, those of the time between two.
  class Counts {
   public:
    std::uint64_t count() const;
    // The duration that `share` (0 to 1) of all do not reach; 0 when there are none.
    Duration percentile(double share) const;
    // How many were shorter than `duration`, which must be a bucket's upper bound.
    std::uint64_t below(Duration duration) const;
    // What was added since `earlier`.
    Counts since(const Counts& earlier) const;

   private:
    friend class Histogram;
    std::array<std::uint64_t, buckets> counts_{};
  };

  // One atomic addition, from any process.
  void add(Duration duration);

  Counts counts() const;
  std::uint64_t count() const { return counts().count(); }
  Duration percentile(double share) const { return counts().percentile(share); }
  // Of all durations.
  Duration sum() const { return Duration(sum_us_.load(std::memory_order_relaxed)); }
  std::uint64_t bucket(unsigned index) const {
    return counts_[index].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, buckets> counts_;
  std::atomic<Duration::rep> sum_us_;
};

}  // namespace cgisrv::account
