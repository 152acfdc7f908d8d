// How long a peer may keep us waiting: a bucket of time, which waiting empties and bytes refill.
//
// One rule bounds both a peer's silence and its slowness. A silent peer uses the bucket up. A peer
// that moves `rate` bytes a second earns as much as it spends. A fast peer never earns more than a
// full bucket. Only delays by the peer alone are spent: see wait().
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>

namespace cgisrv::net {

class MinRateTimer {
 public:
  // `empty` is called when nothing is left. Waiting has then stopped, and may be resumed.
  MinRateTimer(Loop& loop, Callback empty)
      : timer_(loop, Callback::of<&MinRateTimer::due>(*this)), empty_(empty) {}

  // Starts anew: full, not waiting. `rate` in bytes a second; 0: any byte fills the bucket.
  void refill(Clock::duration most, std::uint64_t rate);
  // The peer has moved that many bytes.
  void earn(std::uint64_t bytes);
  // From now on we wait for the peer, until pause(). No effect if already waiting.
  void wait();
  void pause();
  bool waiting() const { return timer_.armed(); }
  Clock::duration left() const;
  // How much the awaited peer has used up; zero while it is not awaited.
  Clock::duration spent() const;

 private:
  void due();

  Timer timer_;  // when waiting: for when nothing is left
  Callback empty_;
  Clock::duration most_{};
  Clock::duration left_{};  // when not waiting
  std::uint64_t rate_ = 0;
};

}  // namespace cgisrv::net
