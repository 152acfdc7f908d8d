#include "account/program_stats.h"

#include <algorithm>

namespace cgisrv::account {

namespace {
constexpr auto relaxed = std::memory_order_relaxed;
}  // namespace

void ProgramStats::add(const Usage& usage) {
  by_outcome[static_cast<unsigned>(usage.outcome)].fetch_add(1, relaxed);
  if (usage.queue) queue.add(*usage.queue);  // even without success
  if (!usage.start) return;
  if (usage.started == StartKind::warm) warm_starts.fetch_add(1, relaxed);
  if (usage.started == StartKind::cold) cold_starts.fetch_add(1, relaxed);
  total.add(usage.total);
  bytes_in.fetch_add(usage.bytes_in, relaxed);
  bytes_out.fetch_add(usage.bytes_out, relaxed);
}

void ProgramStats::add(const process::Exit& exit, Duration run) {
  cpu_us.fetch_add(static_cast<std::uint64_t>(exit.processor_time().count()), relaxed);
  run_us.fetch_add(static_cast<std::uint64_t>(std::max<Duration::rep>(run.count(), 0)), relaxed);
  ended.fetch_add(1, relaxed);
  const auto peak = static_cast<std::uint64_t>(exit.usage.ru_maxrss);
  std::uint64_t known = peak_rss_kib.load(relaxed);
  while (peak > known && !peak_rss_kib.compare_exchange_weak(known, peak, relaxed)) {
  }
}

std::uint64_t ProgramStats::count() const {
  std::uint64_t sum = 0;
  for (const auto& outcome : by_outcome)
    sum += outcome.load(relaxed);
  return sum;
}

std::uint64_t ProgramStats::failed() const {
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < outcomes; ++i)
    if (is_failure(static_cast<Outcome>(i))) sum += with(static_cast<Outcome>(i));
  return sum;
}

}  // namespace cgisrv::account
