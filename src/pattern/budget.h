// What regular expressions may cost one request, and what they have found for it so far.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "pattern/pattern.h"

namespace cgisrv::pattern {

// While one exists, all matches share its work, and no expression is asked twice about one text:
// neither the number of expressions nor that of the places that ask them makes a request expensive.
// One within another joins it. A match outside of any has one of its own.
class Budget {
 public:
  // A step of matching counts as so many looks at a byte. 500 000 steps take about 10 ms.
  static constexpr std::uint64_t step_work = 16;
  static constexpr std::uint64_t work_max = 8'000'000;

  explicit Budget(std::uint64_t work = work_max) : work_(work), left_(work) {
    if (current_ == nullptr) current_ = this;
  }
  ~Budget() {
    if (current_ == this) current_ = nullptr;
  }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  std::uint64_t left() const { return left_; }
  bool is_untouched() const { return left_ == work_; }
  // Whether some expression has not told whether it matches.
  bool is_exceeded() const { return is_exceeded_; }

 private:
  friend class Pattern;
  static thread_local inline Budget* current_ = nullptr;

  std::uint64_t work_;
  std::uint64_t left_;
  bool is_exceeded_ = false;
  std::map<std::pair<const void*, std::string>, Result<Matched>> found_;  // by expression and text
};

}  // namespace cgisrv::pattern
