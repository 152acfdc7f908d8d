// How long a peer may keep us waiting: a bucket of time, which waiting empties and bytes refill.
//
// One rule bounds both a peer's silence and its slowness. Who says nothing uses the bucket up; who
// moves `rate` bytes a second earns as much as it spends, for ever; who has been quick for long has
// earned no more than a full bucket. Only what the peer alone delays is spent: see wait().
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>

namespace cgisrv::net {

class Patience {
 public:
  // `empty` is called when nothing is left; waiting has stopped then. It may earn and wait again.
  Patience(Loop& loop, Callback empty)
      : timer_(loop, Callback::of<&Patience::due>(*this)), empty_(empty) {}

  // Begins anew: full, not waiting. `rate` in bytes a second; 0: any byte fills the bucket.
  void refill(Clock::duration most, std::uint64_t rate);
  // The peer has moved that many bytes.
  void earn(std::uint64_t bytes);
  // From now on it is the peer that is waited for, until pause(). Again: no change.
  void wait();
  void pause();
  bool waiting() const { return timer_.armed(); }
  Clock::duration left() const;

 private:
  void due(std::uint32_t);

  Timer timer_;  // when waiting: when nothing will be left
  Callback empty_;
  Clock::duration most_{};
  Clock::duration left_{};  // when not waiting
  std::uint64_t rate_ = 0;
};

}  // namespace cgisrv::net
