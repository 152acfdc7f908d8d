// How a server leaves: drained by its administrator, or about to end.
#include <unistd.h>

#include <algorithm>

#include "base/exit_status.h"
#include "base/log.h"
#include "base/units.h"
#include "master/master_process.h"

namespace cgisrv::master {

namespace {

using telemetry::Presence;

constexpr std::string_view ending = "the server is about to end, and load balancers know it";

std::string duration_text(config::Duration duration) {
  return format_duration(static_cast<std::uint64_t>(duration.count()));
}

// Both together; max(): there is no bound.
config::Duration sum(config::Duration a, config::Duration b) {
  return b == config::duration_unlimited ? b : a + b;
}

}  // namespace

// ---- drained -----------------------------------------------------------------------------------

// A server that was drained before an upgrade stays so.
void MasterProcess::take_over_presence() {
  const Presence before = inherited_.inheritance.presence();
  if (!telemetry::is_drained(before)) return;
  common_.shared_stats.be(before);
  drained_at_ = Clock::now();
  state_->drained(true);
  log::line(log::Level::notice, "drained, as it was before the upgrade");
}

control::Answer MasterProcess::drain(Presence wanted) {
  if (is_leaving_ || is_ending_)
    return {exit_status::unavailable, fmt::format("{}; it need not be drained\n", ending)};
  if (upgrade_)
    return {exit_status::unavailable,
            "an upgrade is under way; drain the server that serves when it is over\n"};
  if (common_.shared_stats.presence() == wanted)
    return {exit_status::ok, "the server is drained already; nothing was changed\n"};
  if (!telemetry::is_drained(common_.shared_stats.presence())) drained_at_ = Clock::now();
  common_.shared_stats.be(wanted);
  state_->drained(true);
  std::string text =
      "drained: requests are still served, and each connection ends with its next response; "
      "cgisrv undrain takes it back\n";
  if (config().admin.listen.empty())
    text += "no load balancer hears of it, since [admin] has no listen\n";
  return {exit_status::ok, std::move(text)};
}

control::Answer MasterProcess::undrain() {
  if (is_leaving_ || is_ending_)
    return {exit_status::unavailable, fmt::format("{}; that cannot be taken back\n", ending)};
  if (upgrade_)
    return {exit_status::unavailable,
            "an upgrade is under way; undrain the server that serves when it is over\n"};
  if (!telemetry::is_drained(common_.shared_stats.presence()))
    return {exit_status::ok, "the server is not drained; nothing was changed\n"};
  common_.shared_stats.be(Presence::here);
  state_->drained(false);
  return {exit_status::ok, "no longer drained: load balancers may send requests again\n"};
}

// ---- the end -----------------------------------------------------------------------------------

// Of drain_delay, what is left: who has drained the server for so long has told load balancers.
config::Duration MasterProcess::delay_left() const {
  const config::Duration delay = config().server.drain_delay;
  if (!telemetry::is_drained(common_.shared_stats.presence())) return delay;
  const auto drained_for = std::chrono::floor<config::Duration>(Clock::now() - drained_at_);
  return std::max(delay - drained_for, config::Duration(0));
}

// Load balancers are told first; the listeners close only when they have had time to notice. A
// second request ends that wait.
control::Answer MasterProcess::quit() {
  const config::ServerOptions& options = config().server;
  std::string text;
  const config::Duration delay = delay_left();
  if (is_ready_ && !is_leaving_ && !is_ending_ && delay.count() > 0) {
    is_leaving_ = true;
    if (upgrade_) upgrade_->give_up("the server is about to end");
    common_.shared_stats.be(Presence::leaving);
    state_->stopping(sum(delay, options.shutdown_timeout));
    drain_delay_->arm_after(delay);
    text = fmt::format("serving for {} more, while /readyz says that it is leaving; then ",
                       duration_text(delay));
  } else {
    finish();
  }
  if (options.shutdown_timeout == config::duration_unlimited)
    return {exit_status::ok, text + "finishing open requests, then stopping\n"};
  return {exit_status::ok, fmt::format("{}finishing open requests, for {} at most, then stopping\n",
                                       text, duration_text(options.shutdown_timeout))};
}

void MasterProcess::finish() {
  drain_delay_->disarm();
  master_->stop(pool::Stop::finish);
}

// A container's runtime sends TERM, then KILL after some seconds. Whoever sends a second one, or
// sends it to a server that is ending, has no patience left. At a desk nobody waits.
void MasterProcess::terminate() {
  const config::OnTerm means = config().server.on_term;
  const bool is_of_container = means == config::OnTerm::automatic && ::getpid() == 1;
  const bool quits = !config().file.empty() && (means == config::OnTerm::quit || is_of_container);
  if (!quits || is_leaving_ || is_ending_) return master_->stop(pool::Stop::now);
  logged(quit());
}

}  // namespace cgisrv::master
