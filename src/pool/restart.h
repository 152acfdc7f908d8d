// How long to wait before a worker that died is started again. Pure.
#pragma once

#include <algorithm>
#include <chrono>

namespace cgisrv::pool {

class RestartPolicy {
 public:
  using Duration = std::chrono::milliseconds;
  static constexpr Duration young{5'000};      // a life shorter than this counts as a failure
  static constexpr Duration delay_first{100};  // from the second failure in a row, doubling
  static constexpr Duration delay_max{5'000};

  // The first death is forgiven: the worker is started again at once.
  Duration after_death(Duration lifetime) {
    failures_ = lifetime < young ? failures_ + 1 : 0;
    if (failures_ < 2) return Duration::zero();
    return std::min(delay_max, delay_first * (1 << std::min(failures_ - 2, 10)));
  }

 private:
  int failures_ = 0;
};

}  // namespace cgisrv::pool
