#include "master/service_state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace cgisrv::master {

namespace {
constexpr std::chrono::seconds without_watchdog{5};
// For what has to be killed when its time is over.
constexpr std::chrono::seconds killing{10};
}  // namespace

std::string count_by_state(const std::vector<pool::WorkerStatus>& workers) {
  std::vector<std::string> found;
  for (const auto* state : {"running", "starting", "draining", "stopping", "killed", "down"})
    if (const auto count = std::ranges::count(workers, state, &pool::WorkerStatus::state);
        count > 0)
      found.push_back(fmt::format("{} {}", count, state));
  return fmt::format("{}", fmt::join(found, ", "));
}

ServiceState::ServiceState(const process::SdNotify& sd_notify, pool::Master& master,
                           std::string serves)
    : sd_notify_(sd_notify),
      master_(master),
      serves_(std::move(serves)),
      timer_(master.loop(), Callback::of<&ServiceState::check>(*this)) {}

void ServiceState::ready() {
  if (ending_) return;  // the end cut a reload short
  is_serving_ = true;
  activity_ = serving();
  ready_told_ = sd_notify_.ready(told_ = text());
  if (sd_notify_.present()) check();  // the watchdog begins now
}

void ServiceState::reloading() {
  is_serving_ = false;
  activity_ = "Reloading " + serves_;
  ready_told_ = true;  // not now
  sd_notify_.reloading(told_ = text());
}

void ServiceState::stopping(std::chrono::milliseconds within) {
  ending_ = ready_told_ = true;
  is_serving_ = false;
  activity_ = "Ending";
  const bool is_known = within < std::chrono::milliseconds::max();
  sd_notify_.stopping(told_ = text(), is_known ? within + killing : std::chrono::milliseconds(0));
}

void ServiceState::drained(bool is_drained) {
  is_drained_ = is_drained;
  if (!is_serving_) return;  // ready() will tell
  activity_ = serving();
  sd_notify_.status(told_ = text());
}

std::string ServiceState::serving() const {
  return (is_drained_ ? "Drained, and still serving " : "Serving ") + serves_;
}

std::string ServiceState::text() const {
  return fmt::format("{}; workers: {}", activity_, count_by_state(master_.workers()));
}

void ServiceState::check() {
  const bool some_worker_runs = std::ranges::any_of(
      master_.workers(), [](const pool::WorkerStatus& each) { return each.state == "running"; });
  const bool has_watchdog = sd_notify_.watchdog().count() > 0;
  if (has_watchdog && (some_worker_runs || ending_)) sd_notify_.alive();
  if (!ready_told_) ready_told_ = sd_notify_.ready(told_ = text());
  if (auto now = text(); now != told_ && sd_notify_.status(now)) told_ = std::move(now);
  timer_.arm_after(has_watchdog ? sd_notify_.watchdog() / 2 : without_watchdog);
}

}  // namespace cgisrv::master
