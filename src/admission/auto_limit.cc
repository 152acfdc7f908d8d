#include "admission/auto_limit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace cgisrv::admission {

namespace {

using Seconds = std::chrono::duration<double>;

constexpr double smoothing = 0.15;  // of what is seen in one step
constexpr double held = 0.15;       // a smaller change than this share is none
constexpr double least_demand = 0.001;
constexpr double least_part = 0.1;          // of a processor, that is worth a run of its own
constexpr double growth_in_the_dark = 0.5;  // of the limit, in one step
constexpr Seconds memory_min{1};            // what ended runs have told is believed for so long

}  // namespace

std::string_view text(LimitReason reason) {
  static constexpr std::array<std::string_view, limit_reasons> names = {"unknown", "busy", "brief",
                                                                        "growing", "max"};
  const auto at = static_cast<std::size_t>(reason);
  return at < names.size() ? names[at] : names[0];
}

void AutoLimit::see(const Activity& activity) {
  now_ = activity;
  learn_from_ended();
  if (activity.running == 0) return;
  // What a program's own children compute cannot be seen, but ended runs have told how much they
  // compute, and the machine how much that takes longer now.
  const double told =
      knows_runs() ? std::min(1.0, computed_ / lasted_ * std::max(1.0, activity.load)) : 0;
  const double active = std::max(activity.active.value_or(1), told);
  load_ = active_ ? load_ + (activity.load - load_) * smoothing : activity.load;
  active_ = active_ ? *active_ + (active - *active_) * smoothing : active;
}

void AutoLimit::learn_from_ended() {
  if (now_.ended == 0) {
    ++steps_without_end_;
    return;
  }
  const bool first = lasted_.count() == 0;
  const double weight = first ? 1 : smoothing;
  const auto count = static_cast<double>(now_.ended);
  computed_ += (now_.computed / count - computed_) * weight;
  lasted_ += (std::max(now_.lasted, Seconds(1e-6)) / count - lasted_) * weight;
  steps_without_end_ = 0;
}

// Whether runs that have ended tell how those are that run now.
bool AutoLimit::knows_runs() const {
  return lasted_.count() > 0 && steps_without_end_ * interval <= std::max(memory_min, 2 * lasted_);
}

// A run computes, waits for a processor or is asleep. What is not active is asleep. For how long it
// computes, ended runs have told; else it computes for as much of the rest as the machine's load
// leaves it.
double AutoLimit::demand() const {
  const double active = std::min(1.0, active_.value_or(1));
  const double computes = knows_runs() ? computed_ / lasted_ : active / std::max(1.0, load_);
  return computes <= 0 ? 0 : computes / (computes + (1 - active));
}

double AutoLimit::floor() const {
  return computed_.count() > 0 ? processors_ * (brief / computed_) : 0;
}

void AutoLimit::step(double share, unsigned most) {
  if (now_.waiting == 0)
    rest();
  else
    unused_ = 0;
  const double bound = most;
  if (active_) {
    const double wanted = std::clamp(useful(share), 1.0, bound);
    reason_ = wanted >= bound     ? LimitReason::max
              : floor() >= wanted ? LimitReason::brief
                                  : LimitReason::busy;
    if (wanted > wanted_)
      grow(wanted);
    else if (now_.running > 0)
      settle_at(wanted);
  }
  wanted_ = std::min(wanted_, bound);
  limit_ = std::min(limit_, most);
}

// So many that the share is busy although they are not asleep in turn, by the rule of square roots
// that telephone exchanges are staffed by; or so many that are done in no time.
double AutoLimit::useful(double share) const {
  const double demand = std::max(this->demand(), least_demand);
  // Part of a processor takes a whole run to be used.
  share = std::ceil(share - least_part);
  return std::max((share + std::sqrt(share * (1 - std::min(demand, 1.0)))) / demand, floor());
}

void AutoLimit::grow(double wanted) {
  if (now_.waiting == 0) return;  // what is not used tells nothing
  // In the dark: no run has ended, and no processor is idle. They may be asleep, or wait for
  // children that compute.
  const bool dark = !knows_runs() && now_.load >= 1;
  const double reach = dark ? wanted_ + growth_in_the_dark : wanted_ * 2;
  if (reach < wanted) reason_ = LimitReason::growing;
  if (reach < wanted || reason_ == LimitReason::max)
    set(std::min(reach, wanted));
  else
    settle_at(wanted);
}

void AutoLimit::set(double wanted) {
  wanted_ = wanted;
  limit_ = static_cast<unsigned>(std::lround(wanted));
}

// Half of the way, since measurements scatter; and none while it is short.
void AutoLimit::settle_at(double wanted) {
  if (std::abs(wanted - wanted_) < std::max(0.5, held * wanted_)) return;
  set((wanted_ + wanted) / 2);
}

// A limit that is not used is not believed for long: what was asleep may compute the next time.
void AutoLimit::rest() {
  unused_ = now_.running * 2 <= limit_ ? unused_ + 1 : 0;
  const double least = std::max(static_cast<double>(start_), floor());
  if (unused_ < unused_steps || wanted_ <= least) return;
  set(std::max(least, wanted_ / 2));
  unused_ = 0;
}

std::vector<double> share_processors(double processors, std::span<const double> wishes) {
  std::vector<std::size_t> order(wishes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t at) { return wishes[at]; });
  std::vector<double> shares(wishes.size());
  auto left = static_cast<double>(order.size());
  for (const std::size_t at : order) {
    // Whoever wishes for less than it could have leaves the rest to others, and may still grow.
    shares[at] = std::max(1.0, processors / left);
    processors -= std::min(wishes[at], shares[at]);
    --left;
  }
  return shares;
}

}  // namespace cgisrv::admission
