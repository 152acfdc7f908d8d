// Places to run in, in shared memory. A place is one word that holds who has it, so that taking one
// is one compare-and-swap, no count can drift from the truth, and what a dead worker held is found.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace cgisrv::admission {

template <unsigned capacity>
class Places {
 public:
  static constexpr unsigned places_max = capacity;

  // Takes one for a worker, unless `limit` are held. Never more than that are held through this,
  // whoever races, as long as all have the same limit; it may have been a higher one before.
  std::optional<unsigned> take(unsigned worker, unsigned limit) {
    limit = open_below(std::min(limit, capacity));
    // Workers begin at different places, so that they seldom want the same one.
    unsigned at = limit == 0 ? 0 : worker * 7 % limit;
    for (unsigned tried = 0; tried < limit; ++tried, at = at + 1 == limit ? 0 : at + 1) {
      std::uint16_t nobody = 0;
      if (holders_[at].load() != 0) continue;
      extend_to(at + 1);
      if (holders_[at].compare_exchange_strong(nobody, mark(worker))) return at;
    }
    return std::nullopt;
  }
  void give_back(unsigned place) { holders_[place].store(0); }
  // Everything that a worker held; returns how many places that were.
  unsigned give_back_all_of(unsigned worker) {
    unsigned count = 0;
    for (auto& holder : holders_) {
      std::uint16_t dead = mark(worker);
      if (holder.compare_exchange_strong(dead, 0)) ++count;
    }
    return count;
  }
  unsigned taken() const {
    unsigned count = 0;
    for (const auto& holder : holders_)
      count += holder.load(std::memory_order_relaxed) != 0 ? 1 : 0;
    return count;
  }

 private:
  static std::uint16_t mark(unsigned worker) { return static_cast<std::uint16_t>(worker + 1); }
  // Before a place is taken: whoever has a lower limit by then must find it.
  void extend_to(unsigned end) {
    unsigned reach = reach_;
    while (reach < end && !reach_.compare_exchange_weak(reach, end)) {
    }
  }
  bool held(unsigned place) const { return holders_[place].load() != 0; }
  // Places at and above `limit` are held where it was higher before. Each of them closes one below,
  // the uppermost first: the number of those that are open.
  unsigned open_below(unsigned limit) const {
    unsigned above = 0;
    for (unsigned place = limit; place < reach_; ++place)
      above += held(place) ? 1 : 0;
    unsigned open = limit;
    while (open > 0 && open + above > limit)
      above += held(--open) ? 1 : 0;
    return open;
  }

  std::array<std::atomic<std::uint16_t>, capacity> holders_;
  std::atomic<std::uint32_t> reach_;  // none from here on was ever taken
};

}  // namespace cgisrv::admission
