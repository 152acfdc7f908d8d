#include "auth/guess_limiter.h"

#include <algorithm>

namespace cgisrv::auth {

Clock::duration GuessLimiter::wait(std::uint64_t client, TimePoint now) const {
  return std::max(debt(client, now) - burst_, Clock::duration::zero());
}

Clock::duration GuessLimiter::debt(std::uint64_t client, TimePoint now) const {
  const auto known = forgiven_at_.find(client);
  if (known == forgiven_at_.end()) return {};
  return std::max(known->second - now, Clock::duration::zero());
}

void GuessLimiter::wrong(std::uint64_t client, TimePoint now) {
  if (guesses_ == 0 || client == 0) return;
  if (!forgiven_at_.contains(client) && forgiven_at_.size() >= clients_max_) make_room(now);
  TimePoint& forgiven_at = forgiven_at_[client];
  forgiven_at = std::max(forgiven_at, now) + interval_;
}

void GuessLimiter::make_room(TimePoint now) {
  std::erase_if(forgiven_at_, [now](const auto& each) { return each.second <= now; });
  if (forgiven_at_.size() < clients_max_) return;
  forgiven_at_.erase(
      std::ranges::min_element(forgiven_at_, {}, [](const auto& each) { return each.second; }));
}

}  // namespace cgisrv::auth
