// Answers HAProxy's agent-check.
#pragma once

#include <string>

#include "admin/one_line_server.h"
#include "status/agent_line.h"
#include "status/reporter.h"
#include "telemetry/shared_stats.h"

namespace cgisrv::admin {

class Agent {
 public:
  // All references outlive it. `has_warm_programs`: by the configuration.
  Agent(Loop& loop, Fd listener, const status::Reporter& reporter,
        const telemetry::SharedStats& shared_stats, bool has_warm_programs);

 private:
  std::string line();

  const status::Reporter& reporter_;
  const telemetry::SharedStats& shared_stats_;
  const bool has_warm_programs_;
  status::AgentWeight weight_;
  OneLineServer server_;
};

}  // namespace cgisrv::admin
