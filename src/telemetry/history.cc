#include "telemetry/history.h"

#include <algorithm>

namespace cgisrv::telemetry {

namespace {
constexpr auto step = std::chrono::seconds(10);
}  // namespace

void History::add(const Sample& sample) {
  const std::uint64_t number = written_.load(std::memory_order_relaxed);
  ring_[number % samples_max].store(sample);
  written_.store(number + 1, std::memory_order_relaxed);
}

// From the last one back. Where the clock was set back in between, what is older has a time that is
// still to come, and is left out.
std::vector<Sample> History::samples() const {
  std::vector<Sample> found;
  found.reserve(samples_max);
  const std::uint64_t written = written_.load(std::memory_order_relaxed);
  for (unsigned age = 1; age <= samples_max; ++age) {
    const auto sample = ring_[(written + samples_max - age) % samples_max].load();
    if (sample && (found.empty() || sample->time < found.back().time)) found.push_back(*sample);
  }
  std::ranges::reverse(found);
  return found;
}

void Recent::record(const Totals& totals, Clock::time_point now) {
  if (totals.requests < latest_.totals.requests) kept_.clear();  // it has started anew
  latest_ = {now, totals};
  if (kept_.empty() || now - kept_.back().time >= step) kept_.push_back(latest_);
  while (kept_.size() > 1 && now - kept_[1].time >= window)
    kept_.pop_front();
}

Recent::Growth Recent::growth() const {
  if (kept_.empty()) return {};
  const Totals& now = latest_.totals;
  const Totals& then = kept_.front().totals;
  return {.seconds = std::chrono::duration<double>(latest_.time - kept_.front().time).count(),
          .totals = {.requests = now.requests - then.requests,
                     .failed = now.failed - then.failed,
                     .bad_exits = now.bad_exits - then.bad_exits,
                     .cpu = now.cpu - then.cpu,
                     .durations = now.durations.since(then.durations)}};
}

}  // namespace cgisrv::telemetry
