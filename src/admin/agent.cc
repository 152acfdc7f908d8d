#include "admin/agent.h"

#include <fmt/format.h>

#include <algorithm>

#include "admission/psi_monitor.h"
#include "process/shebang.h"

namespace cgisrv::admin {

namespace {

// Of the scarcest resource; 0 where the kernel does not tell.
double pressure() {
  double most = 0;
  for (const char* const resource : {"cpu", "memory", "io"}) {
    const auto percent =
        admission::read_pressure(process::file_head(fmt::format("/proc/pressure/{}", resource)));
    most = std::max(most, percent.value_or(0));
  }
  return most / 100;
}

}  // namespace

Agent::Agent(Loop& loop, Fd listener, const status::Reporter& reporter,
             const telemetry::SharedStats& shared_stats, bool has_warm_programs)
    : reporter_(reporter),
      shared_stats_(shared_stats),
      has_warm_programs_(has_warm_programs),
      server_(loop, std::move(listener), [this] { return line(); }) {}

std::string Agent::line() {
  const status::Report report = reporter_.report();
  const status::Load load{.demand = status::demand_of(report),
                          .pressure = pressure(),
                          .warmth = status::warmth_of(report, has_warm_programs_)};
  return status::agent_line(report, shared_stats_.silence(),
                            weight_.percent(load, status::AgentWeight::Clock::now()));
}

}  // namespace cgisrv::admin
