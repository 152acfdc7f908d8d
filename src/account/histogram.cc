#include "account/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace cgisrv::account {

namespace {

constexpr unsigned octave_bits = 3;
constexpr unsigned octave = 1U << octave_bits;  // buckets to a doubling

// 0 to 7 have a bucket each. Above, the three bits after the first select one in its octave.
unsigned bucket_of(std::uint64_t value) {
  if (value < octave) return static_cast<unsigned>(value);
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - octave_bits - 1;
  return shift * octave + static_cast<unsigned>(value >> shift);
}

std::uint64_t lower_bound(unsigned bucket) {
  if (bucket < 2 * octave) return bucket;
  const unsigned shift = bucket / octave - 1;
  return static_cast<std::uint64_t>(octave + bucket % octave) << shift;
}

}  // namespace

void Histogram::add(Duration duration) {
  const auto value = std::max<Duration::rep>(duration.count(), 0);
  const unsigned bucket = std::min(bucket_of(static_cast<std::uint64_t>(value)), buckets - 1);
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Counts Histogram::counts() const {
  Counts found;
  for (unsigned i = 0; i < buckets; ++i)
    found.counts_[i] = bucket(i);
  return found;
}

Histogram::Duration Histogram::upper_bound(unsigned index) {
  return Duration(lower_bound(index + 1));
}

std::uint64_t Histogram::Counts::count() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

Histogram::Duration Histogram::Counts::percentile(double share) const {
  const std::uint64_t all = count();
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  std::uint64_t seen = 0;
  for (unsigned i = 0; i < buckets && all > 0; ++i) {
    seen += counts_[i];
    // The middle of the bucket: its values may be anywhere in it.
    if (seen >= std::max<std::uint64_t>(wanted, 1))
      return Duration((lower_bound(i) + lower_bound(i + 1)) / 2);
  }
  return Duration::zero();
}

std::uint64_t Histogram::Counts::below(Duration duration) const {
  const unsigned end = std::min(bucket_of(static_cast<std::uint64_t>(duration.count())), buckets);
  return std::accumulate(counts_.begin(), counts_.begin() + end, std::uint64_t{0});
}

Histogram::Counts Histogram::Counts::since(const Counts& earlier) const {
  Counts difference;
  for (unsigned i = 0; i < buckets; ++i)
    difference.counts_[i] = counts_[i] - earlier.counts_[i];
  return difference;
}

}  // namespace cgisrv::account
