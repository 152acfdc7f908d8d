// How often a client may do what costs us more than it costs them: a bucket of tokens, which time
// fills. Pure.
#pragma once

#include <algorithm>
#include <chrono>

namespace cgisrv::http2 {

class Budget {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Full at first.
  constexpr Budget(double most, double per_second)
      : most_(most), per_second_(per_second), left_(most) {}

  // False: there are too few left, and none are taken.
  bool spend(TimePoint now, double tokens);
  void earn(double tokens) { left_ = std::min(most_, left_ + tokens); }
  double left() const { return left_; }

 private:
  double most_;
  double per_second_;
  double left_;
  TimePoint filled_{};  // last; none yet
};

}  // namespace cgisrv::http2
