// How often a client may be wrong about passwords. Pure: the caller tells the time.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>
#include <unordered_map>

namespace cgisrv::auth {

// By GCRA: a client may be wrong `guesses` times at once, and then once in each `interval`. Right
// passwords give nothing back, or whoever has an account could guess on. The table is bounded: when
// it is full, the client who is nearest to being forgiven is forgotten.
class GuessLimiter {
 public:
  // `guesses` 0: nobody is limited.
  GuessLimiter(unsigned guesses, Clock::duration interval, std::size_t clients_max = 16 * 1024)
      : interval_(interval),
        burst_(interval * (guesses == 0 ? 0 : guesses - 1)),
        guesses_(guesses),
        clients_max_(clients_max) {}

  // How long the client has to wait before its next attempt; zero: it may now. 0 is no client: many
  // whose addresses are unknown.
  Clock::duration wait(std::uint64_t client, TimePoint now) const;
  // How long until all that the client was wrong about is forgiven.
  Clock::duration debt(std::uint64_t client, TimePoint now) const;
  void wrong(std::uint64_t client, TimePoint now);
  std::size_t clients() const { return forgiven_at_.size(); }

 private:
  void make_room(TimePoint now);

  const Clock::duration interval_;
  const Clock::duration burst_;
  const unsigned guesses_;
  const std::size_t clients_max_;
  std::unordered_map<std::uint64_t, TimePoint> forgiven_at_;  // all of a client's wrong ones
};

}  // namespace cgisrv::auth
