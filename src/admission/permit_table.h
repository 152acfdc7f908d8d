// Permits to run, in shared memory. A permit is one word that names its holder. So taking one is
// one compare-and-swap, no count can drift from the truth, and a dead worker's permits can be
// found.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace cgisrv::admission {

template <unsigned capacity>
class PermitTable {
 public:
  // Takes one for a worker, unless `limit` are held. However callers race, no more are held by way
  // of this, as long as all have the same limit; an earlier limit may have been higher.
  std::optional<unsigned> take(unsigned worker, unsigned limit) {
    limit = open_below(std::min(limit, capacity));
    // Workers begin at different positions, so that they seldom compete for one permit.
    unsigned at = limit == 0 ? 0 : worker * 7 % limit;
    for (unsigned tried = 0; tried < limit; ++tried, at = at + 1 == limit ? 0 : at + 1) {
      std::uint16_t nobody = 0;
      if (holders_[at].load() != 0) continue;
      extend_to(at + 1);
      if (holders_[at].compare_exchange_strong(nobody, mark(worker))) return at;
    }
    return std::nullopt;
  }
  void give_back(unsigned permit) { holders_[permit].store(0); }
  // Releases all permits of a worker; returns how many that were.
  unsigned give_back_all_of(unsigned worker) {
    unsigned count = 0;
    for (unsigned permit = 0; permit < reach_; ++permit) {
      std::uint16_t dead = mark(worker);
      if (holders_[permit].compare_exchange_strong(dead, 0)) ++count;
    }
    return count;
  }
  // Calls with each permit that is held.
  template <typename Visit>
  void each_held(Visit visit) const {
    for (unsigned permit = 0; permit < reach_; ++permit)
      if (held(permit)) visit(permit);
  }
  unsigned taken() const {
    unsigned count = 0;
    for (unsigned permit = 0; permit < reach_; ++permit)
      count += held(permit) ? 1 : 0;
    return count;
  }

 private:
  static std::uint16_t mark(unsigned worker) { return static_cast<std::uint16_t>(worker + 1); }
  // Before a permit is taken: a process with a lower limit must find it from then on.
  void extend_to(unsigned end) {
    unsigned reach = reach_;
    while (reach < end && !reach_.compare_exchange_weak(reach, end)) {
    }
  }
  bool held(unsigned permit) const { return holders_[permit].load() != 0; }
  // Permits at and above `limit` are held from when the limit was higher. Each of them closes one
  // below, the uppermost first. Returns how many stay open.
  unsigned open_below(unsigned limit) const {
    unsigned above = 0;
    for (unsigned permit = limit; permit < reach_; ++permit)
      above += held(permit) ? 1 : 0;
    unsigned open = limit;
    while (open > 0 && open + above > limit)
      above += held(--open) ? 1 : 0;
    return open;
  }

  std::atomic<std::uint32_t> reach_;  // none from here on was ever taken: that memory is untouched
  std::array<std::atomic<std::uint16_t>, capacity> holders_;
};

}  // namespace cgisrv::admission
