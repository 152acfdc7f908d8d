#include "admission/psi_monitor.h"

#include <algorithm>

#include "base/log.h"
#include "process/pressure.h"
#include "process/shebang.h"

namespace cgisrv::admission {

unsigned AdaptiveLimit::step(bool is_short, unsigned running) {
  if (is_short) {
    // Permits that are not used are no load, so removing only these would change nothing.
    const unsigned now = allowed_ == 0 ? running : std::min(allowed_, running);
    allowed_ = std::clamp(now - now / 4, least_, most_);
  } else if (allowed_ != 0) {
    allowed_ += std::max(1U, allowed_ / 4);
    if (allowed_ >= most_) allowed_ = 0;
  }
  return allowed_;
}

PsiMonitor::PsiMonitor(Loop& loop, const PressureLimits& limits,
                       const AdaptiveLimit& adaptive_limit, Table& table,
                       AdmissionScheduler& scheduler, std::string folder)
    : resources_{{{"memory", limits.memory}, {"cpu", limits.cpu}, {"io", limits.io}}},
      adaptive_limit_(adaptive_limit),
      table_(table),
      scheduler_(scheduler),
      folder_(std::move(folder)),
      timer_(loop, Callback::of<&PsiMonitor::poll>(*this)) {
  for (Resource& resource : resources_) {
    if (resource.limit == 0 || pressure_of(resource)) continue;
    log::line(log::Level::warn,
              "{}/{} cannot be read, so that pressure in [server] does nothing for it; start the "
              "kernel with psi=1",
              folder_, resource.name);
    resource.limit = 0;
  }
  timer_.arm_after(interval);
}

void PsiMonitor::poll() {
  const std::string shortage = this->shortage();
  const unsigned before = adaptive_limit_.allowed();
  // Counted only when needed: it reads every permit.
  const unsigned running = shortage.empty() ? 0 : table_.total().taken();
  const unsigned now = adaptive_limit_.step(!shortage.empty(), running);
  if (now != before) scheduler_.limit_total(now);
  if (before == 0 && now != 0)
    log::line(log::Level::warn,
              "the machine is short: {}; for now {} programs run at a time, and others wait",
              shortage, now);
  if (before != 0 && now == 0)
    log::line(log::Level::notice,
              "the machine is no longer short: as many programs run as max_running says");
  timer_.arm_after(interval);
}

std::string PsiMonitor::shortage() const {
  std::string found;
  for (const Resource& resource : resources_) {
    if (resource.limit == 0) continue;
    const auto percent = pressure_of(resource);
    if (!percent || *percent <= resource.limit) continue;
    fmt::format_to(std::back_inserter(found), "{}{} pressure {:.0f} %, more than {} %",
                   found.empty() ? "" : ", ", resource.name, *percent, resource.limit);
  }
  return found;
}

std::optional<double> PsiMonitor::pressure_of(const Resource& resource) const {
  const auto pressure =
      process::read_pressure(process::file_head(fmt::format("{}/{}", folder_, resource.name)));
  return pressure ? std::optional(100 * pressure->some) : std::nullopt;
}

}  // namespace cgisrv::admission
