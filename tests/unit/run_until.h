// For the tests that need a running loop.
#pragma once

#include <cgisrv/loop.h>

#include <chrono>

namespace cgisrv {

// Longer than anything takes on the slowest of machines, shorter than anybody's patience.
inline constexpr auto generous = std::chrono::seconds(30);

// Asks again and again, on the loop, and stops the loop when the answer is yes or time is up.
template <typename Predicate>
class Questioner {
 public:
  Questioner(Loop& loop, Predicate& predicate)
      : loop_(loop),
        predicate_(predicate),
        timer_(loop, Callback::of<&Questioner::ask>(*this)),
        give_up_(Clock::now() + generous) {
    timer_.arm(Clock::now());
  }
  bool answer() const { return answer_; }

 private:
  void ask() {
    answer_ = predicate_();
    if (answer_ || Clock::now() > give_up_) return loop_.stop();
    timer_.arm_after(std::chrono::milliseconds(1));
  }

  Loop& loop_;
  Predicate& predicate_;
  Timer timer_;
  TimePoint give_up_;
  bool answer_ = false;
};

// Runs the loop until `predicate` holds. False when it never did.
template <typename Predicate>
bool run_until(Loop& loop, Predicate predicate) {
  Questioner questioner(loop, predicate);
  loop.run();
  return questioner.answer();
}

// Runs the loop for at least so long: for what must not happen.
inline void run_for(Loop& loop, Clock::duration duration) {
  const TimePoint end = Clock::now() + duration;
  run_until(loop, [&] { return Clock::now() >= end; });
}

}  // namespace cgisrv
