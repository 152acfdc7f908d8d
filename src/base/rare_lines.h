// Lines of which each client could cause one: in each interval one is logged, and the others are
// counted.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "base/text.h"

namespace cgisrv::log {

class RareLines {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RareLines(Clock::duration interval) : interval_(interval) {}

  // Whether a line may be logged now. If not, it counts as left out.
  bool pass(Clock::time_point now) {
    if (now < next_) {
      ++left_out_;
      return false;
    }
    next_ = now + interval_;
    return true;
  }

  // For the end of the line that has passed: says how many were left out before it, if any.
  std::string left_out() {
    const auto lines = std::exchange(left_out_, 0);
    if (lines == 0) return {};
    return fmt::format(" (and {} before it that were not logged)",
                       text::counted(lines, "such line"));
  }

 private:
  const Clock::duration interval_;
  Clock::time_point next_{};
  std::uint64_t left_out_ = 0;
};

}  // namespace cgisrv::log
