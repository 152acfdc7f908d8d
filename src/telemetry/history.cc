#include "telemetry/history.h"

#include <algorithm>

namespace cgisrv::telemetry {

namespace {
constexpr auto step = std::chrono::seconds(10);
}  // namespace

void History::add(const Sample& sample) {
  const std::uint64_t number = written_.fetch_add(1, std::memory_order_relaxed);
  ring_[number % samples_max].store(sample);
}

std::vector<Sample> History::samples() const {
  std::vector<Sample> found;
  for (const auto& slot : ring_)
    if (const auto sample = slot.load()) found.push_back(*sample);
  std::ranges::sort(found, {}, &Sample::time);
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
