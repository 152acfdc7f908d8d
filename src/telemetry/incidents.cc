#include "telemetry/incidents.h"

#include <algorithm>

#include "base/collect.h"

namespace cgisrv::telemetry {

namespace {

constexpr unsigned duration_bits = 40;  // twelve days, in microseconds
constexpr auto relaxed = std::memory_order_relaxed;

}  // namespace

void Incidents::add_failure(Incident incident) {
  const std::uint64_t number = failures_.fetch_add(1, relaxed);
  ring_[number % failures_max].store({number, incident});
}

std::vector<Incident> Incidents::failures() const {
  std::vector<Numbered> whole;
  for (const auto& slot : ring_)
    if (const auto found = slot.load()) whole.push_back(*found);
  std::ranges::sort(whole, std::ranges::greater(), &Numbered::number);
  return collect(whole, &Numbered::incident);
}

// One more than the true value, for 0 means no minute.
std::uint64_t Incidents::minute_of(Clock::time_point now) {
  return static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count() + 1);
}

std::uint64_t Incidents::key_of(Duration duration, Clock::time_point now) {
  constexpr Duration::rep most = (Duration::rep{1} << duration_bits) - 1;
  return minute_of(now) << duration_bits |
         static_cast<std::uint64_t>(std::clamp<Duration::rep>(duration.count(), 0, most));
}

bool Incidents::is_slow(Duration duration, Clock::time_point now) const {
  const std::uint64_t key = key_of(duration, now);
  return std::ranges::any_of(minutes_[minute_of(now) % minutes].keys,
                             [&](const auto& other) { return other.load(relaxed) < key; });
}

void Incidents::add_slow(const Incident& incident, Clock::time_point now) {
  const std::uint64_t key = key_of(Duration(incident.duration_us), now);
  Minute& minute = minutes_[minute_of(now) % minutes];
  // Replaces the smallest, unless another process has replaced it meanwhile.
  for (unsigned tries = 0; tries < slowest_max; ++tries) {
    const auto least = std::ranges::min_element(
        minute.keys, {}, [](const auto& other) { return other.load(relaxed); });
    std::uint64_t known = least->load(relaxed);
    if (known >= key) return;
    if (!least->compare_exchange_strong(known, key, relaxed)) continue;
    return minute.slots[static_cast<std::size_t>(least - minute.keys.begin())].store(incident);
  }
}

std::vector<Incident> Incidents::slowest(Clock::time_point now) const {
  const std::uint64_t oldest =
      key_of(Duration::zero(), std::max(now - slowest_window, Clock::time_point()));
  std::vector<Incident> found;
  for (const Minute& minute : minutes_)
    for (unsigned i = 0; i < slowest_max; ++i)
      if (minute.keys[i].load(relaxed) >= oldest)
        if (const auto incident = minute.slots[i].load()) found.push_back(*incident);
  std::ranges::sort(found, std::ranges::greater(), &Incident::duration_us);
  if (found.size() > slowest_max) found.resize(slowest_max);
  return found;
}

}  // namespace cgisrv::telemetry
