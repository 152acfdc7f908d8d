// A connection's share of one turn of the loop, so that no client keeps the others waiting. Bounded
// by calls and by time, because the cost of a call depends on the request.
#pragma once

#include <cgisrv/loop.h>

#include <chrono>

namespace cgisrv {

class Turn {
 public:
  static constexpr unsigned calls_max = 64;
  static constexpr std::chrono::milliseconds time_max{2};

  // Counts a step, which is a few system calls. True when the turn is over; at least one step has
  // then been taken.
  bool is_over() { return --left_ == 0 || Clock::now() >= end_; }

 private:
  unsigned left_ = calls_max;
  TimePoint end_ = Clock::now() + time_max;
};

}  // namespace cgisrv
