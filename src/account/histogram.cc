#include "account/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cgisrv::account {

namespace {

constexpr unsigned octave_bits = 3;
constexpr unsigned octave = 1U << octave_bits;  // buckets to a doubling

// 0 to 7 have a bucket each; from there on the three bits after the first say which of its octave.
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
  const auto value = static_cast<std::uint64_t>(std::max<Duration::rep>(duration.count(), 0));
  counts_[std::min(bucket_of(value), buckets - 1)].fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < buckets; ++i)
    sum += bucket(i);
  return sum;
}

Histogram::Duration Histogram::upper_bound(unsigned index) {
  return Duration(lower_bound(index + 1));
}

Histogram::Duration Histogram::percentile(double share) const {
  const std::uint64_t all = count();
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  std::uint64_t seen = 0;
  for (unsigned i = 0; i < buckets && all > 0; ++i) {
    seen += bucket(i);
    // The middle of the bucket: what it holds may be anywhere in it.
    if (seen >= std::max<std::uint64_t>(wanted, 1))
      return Duration((lower_bound(i) + lower_bound(i + 1)) / 2);
  }
  return Duration::zero();
}

}  // namespace cgisrv::account
