#include "admin/agent.h"

#include <algorithm>

#include "process/pressure.h"

namespace cgisrv::admin {

namespace {

// Of the scarcest resource; 0 where the kernel does not tell.
process::Pressure pressure() {
  process::Pressure most;
  for (const char* const resource : {"cpu", "memory", "io"}) {
    const process::Pressure each = process::own_pressure(resource).value_or(process::Pressure{});
    most.some = std::max(most.some, each.some);
    most.full = std::max(most.full, each.full);
  }
  return most;
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
  const process::Pressure pressure = admin::pressure();
  const status::Load load{.demand = status::demand_of(report),
                          .pressure = pressure.some,
                          .stalled = pressure.full,
                          .warmth = status::warmth_of(report, has_warm_programs_)};
  return status::agent_line(report, shared_stats_.silence(),
                            weight_.percent(load, status::AgentWeight::Clock::now()));
}

}  // namespace cgisrv::admin
