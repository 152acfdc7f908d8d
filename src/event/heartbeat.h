// Shows in shared memory that a process's loop turns.
#pragma once

#include <cgisrv/loop.h>

#include <atomic>
#include <cstdint>

#include "base/own_limits.h"

namespace cgisrv {

// The observer counts its own checks between which this has not grown, so that a pause of the whole
// machine is held against no process.
struct Beats {
  std::atomic<std::uint32_t> count;
  static constexpr unsigned per_timeout = 4;
};

// Increments `beats` at every turn of a timer on the loop, as long as the process has the limits
// that it was made with. `beats` must outlive it.
class Heartbeat {
 public:
  Heartbeat(Loop& loop, Beats& beats, std::chrono::milliseconds timeout)
      : beats_(beats),
        interval_(timeout / Beats::per_timeout),
        timer_(loop, Callback::of<&Heartbeat::beat>(*this)) {
    beat();
  }

 private:
  void beat() {
    if (!limits_.restore()) return;
    beats_.count.fetch_add(1, std::memory_order_relaxed);
    timer_.arm_after(interval_);
  }

  Beats& beats_;
  const std::chrono::milliseconds interval_;
  Timer timer_;
  OwnLimits limits_;
};

}  // namespace cgisrv
