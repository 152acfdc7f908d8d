#include "net/min_rate_timer.h"

#include <algorithm>

namespace cgisrv::net {

void MinRateTimer::refill(Clock::duration most, std::uint64_t rate) {
  timer_.disarm();
  most_ = left_ = most;
  rate_ = rate;
}

void MinRateTimer::earn(std::uint64_t bytes) {
  if (bytes == 0) return;
  const bool waits = waiting();
  pause();
  const std::chrono::duration<double> earned(static_cast<double>(bytes) /
                                             static_cast<double>(rate_));
  const bool full = rate_ == 0 || earned >= most_ - left_;
  left_ = full ? most_ : left_ + std::chrono::duration_cast<Clock::duration>(earned);
  if (waits) wait();
}

void MinRateTimer::wait() {
  if (!waiting()) timer_.arm_after(left_);
}

void MinRateTimer::pause() {
  left_ = left();
  timer_.disarm();
}

void MinRateTimer::due() {
  left_ = Clock::duration::zero();
  empty_();
}

Clock::duration MinRateTimer::left() const {
  if (!waiting()) return left_;
  return std::max(timer_.deadline() - timer_.loop().now(), Clock::duration::zero());
}

Clock::duration MinRateTimer::spent() const {
  return waiting() ? most_ - left() : Clock::duration::zero();
}

}  // namespace cgisrv::net
