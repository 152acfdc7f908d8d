// Unpredictable numbers from the kernel: getrandom(2).
#pragma once

#include <sys/random.h>

#include <array>
#include <cstdint>

#include "base/check.h"

namespace cgisrv {

// Asks the kernel once for many of them. Must not be used on both sides of a fork.
class RandomNumbers {
 public:
  std::uint64_t next() {
    if (used_ == numbers_.size()) {
      CGISRV_CHECK(::getrandom(numbers_.data(), sizeof numbers_, 0) == sizeof numbers_);
      used_ = 0;
    }
    return numbers_[used_++];
  }

 private:
  std::array<std::uint64_t, 32> numbers_;  // getrandom never returns only a part of 256 bytes
  std::size_t used_ = numbers_.size();
};

}  // namespace cgisrv
