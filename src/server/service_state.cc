#include "server/service_state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace cgisrv::server {

namespace {
constexpr std::chrono::seconds without_watchdog{5};
}  // namespace

std::string count_by_state(const std::vector<pool::WorkerStatus>& workers) {
  std::vector<std::string> found;
  for (const auto* state : {"running", "starting", "draining", "stopping", "killed", "down"})
    if (const auto count = std::ranges::count(workers, state, &pool::WorkerStatus::state);
        count > 0)
      found.push_back(fmt::format("{} {}", count, state));
  return fmt::format("{}", fmt::join(found, ", "));
}

ServiceState::ServiceState(const process::ServiceManager& manager, pool::Master& master,
                           std::string serves)
    : manager_(manager),
      master_(master),
      serves_(std::move(serves)),
      timer_(master.loop(), Callback::of<&ServiceState::check>(*this)) {}

void ServiceState::ready() {
  if (ending_) return;  // a reload that the end has cut short
  activity_ = "Serving " + serves_;
  ready_told_ = manager_.ready(told_ = text());
  if (manager_.present()) check(0);  // the watchdog begins now
}

void ServiceState::reloading() {
  activity_ = "Reloading " + serves_;
  ready_told_ = true;  // not now
  manager_.reloading(told_ = text());
}

void ServiceState::stopping() {
  ending_ = ready_told_ = true;
  activity_ = "Ending";
  manager_.stopping(told_ = text());
}

std::string ServiceState::text() const {
  return fmt::format("{}; workers: {}", activity_, count_by_state(master_.workers()));
}

void ServiceState::check(std::uint32_t) {
  const bool some_worker_runs = std::ranges::any_of(
      master_.workers(), [](const pool::WorkerStatus& each) { return each.state == "running"; });
  const bool has_watchdog = manager_.watchdog().count() > 0;
  if (has_watchdog && (some_worker_runs || ending_)) manager_.alive();
  if (!ready_told_) ready_told_ = manager_.ready(told_ = text());
  if (auto now = text(); now != told_ && manager_.status(now)) told_ = std::move(now);
  timer_.arm_after(has_watchdog ? manager_.watchdog() / 2 : without_watchdog);
}

}  // namespace cgisrv::server
