#include "status/agent_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "status/health.h"

namespace cgisrv::status {

namespace {

constexpr std::chrono::duration<double> memory{5};  // of the mean
constexpr double change_min = 0.1;                  // of the weight: less changes nothing
constexpr double slow_start_seconds = 60;
constexpr double warmth_min = 0.1;
constexpr double went_on_min = 0.01;

}  // namespace

// Places are those of programs that are in use: no other program can lend its own. Who waits where
// places are free waits for a bound of his own (max_running_per_client), at whatever server.
double demand_of(const Report& report) {
  const bool is_full = report.admission.running >= report.admission.limit;
  std::uint64_t wanted = 0;
  std::uint64_t places = 0;
  for (const Report::Program& program : report.programs) {
    if (program.running + program.waiting == 0) continue;
    const bool is_short = is_full || program.running >= program.limit;
    wanted += program.running + (is_short ? program.waiting : 0);
    places += std::max(program.limit, program.running);
  }
  places = std::min(places, std::max(report.admission.limit, report.admission.running));
  return places == 0 ? 0 : static_cast<double>(wanted) / static_cast<double>(places);
}

// By the warm programs that have been asked for, or by time: some program may never become warm.
double warmth_of(const Report& report, bool has_warm_programs) {
  const double age = report.server.uptime_seconds / slow_start_seconds;
  if (!has_warm_programs || age >= 1) return 1;
  double warm = 0;
  double ready = 0;
  for (const Report::Program& program : report.programs) {
    if (program.start != "warm") continue;
    ++warm;
    if (program.zygotes > 0) ++ready;
  }
  return std::max({warm > 0 ? ready / warm : 0, age, warmth_min});
}

unsigned AgentWeight::percent(const Load& load, Clock::time_point now) {
  // Who gets nothing done in half of the time is as good as loaded twice.
  const double went_on = std::max(1 - load.stalled, went_on_min);
  const double cost = (1 + load.demand + load.pressure) / went_on;
  const double exact = 100 * load.warmth / smoothed(cost, now);
  if (std::abs(exact - told_) >= change_min * told_)
    told_ = std::max(static_cast<unsigned>(std::lround(exact)), 1U);
  return told_;
}

// However many ask, and however often.
double AgentWeight::smoothed(double cost, Clock::time_point now) {
  const std::chrono::duration<double> since = now - at_;
  const double kept = cost_ ? std::exp(-since / memory) : 0;
  cost_ = kept * cost_.value_or(0) + (1 - kept) * cost;
  at_ = now;
  return *cost_;
}

std::string agent_line(const Report& report, std::chrono::nanoseconds silence, unsigned percent) {
  if (const std::string dead = why_not_alive(silence); !dead.empty()) return "down #" + dead;
  const std::string& state = report.server.state;
  if (state == "maintenance") return "up maint #" + why_not_ready(report);
  if (state == "drained" || state == "leaving") return "up drain #" + why_not_ready(report);
  if (state != "serving") return "down #" + state;
  return fmt::format("up ready {}%", percent);
}

}  // namespace cgisrv::status
