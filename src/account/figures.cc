#include "account/figures.h"

namespace cgisrv::account {

namespace {
constexpr auto relaxed = std::memory_order_relaxed;
}  // namespace

void Figures::add(const Costs& costs) {
  by_outcome[static_cast<unsigned>(costs.outcome)].fetch_add(1, relaxed);
  if (costs.queue) queue.add(*costs.queue);  // in vain, too
  if (!costs.start) return;
  (costs.started == Start::warm ? warm_starts : cold_starts).fetch_add(1, relaxed);
  total.add(costs.total);
  bytes_in.fetch_add(costs.bytes_in, relaxed);
  bytes_out.fetch_add(costs.bytes_out, relaxed);
}

void Figures::add(const process::Exit& exit) {
  const auto cpu = user_time(exit) + system_time(exit);
  cpu_us.fetch_add(static_cast<std::uint64_t>(cpu.count()), relaxed);
  const auto peak = static_cast<std::uint64_t>(exit.usage.ru_maxrss);
  std::uint64_t known = peak_rss_kib.load(relaxed);
  while (peak > known && !peak_rss_kib.compare_exchange_weak(known, peak, relaxed)) {
  }
}

std::uint64_t Figures::count() const {
  std::uint64_t sum = 0;
  for (const auto& outcome : by_outcome)
    sum += outcome.load(relaxed);
  return sum;
}

std::uint64_t Figures::failed() const {
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < outcomes; ++i)
    if (is_failure(static_cast<Outcome>(i))) sum += by_outcome[i].load(relaxed);
  return sum;
}

}  // namespace cgisrv::account
