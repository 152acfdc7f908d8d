// What HAProxy's agent-check is told: one line, by which it sets this server's weight and state.
// Pure. docs/decisions/0070-drain.md has the reasons.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "status/report.h"

namespace cgisrv::status {

// What the weight follows from.
struct Load {
  // Requests for each place to run in: those that run, and those that wait for one. 1: all places
  // are taken.
  double demand = 0;
  // The shares of the last ten seconds in which some process had to wait, and in which all had to:
  // nothing got done then, for a limit or for a neighbour.
  double pressure = 0;
  double stalled = 0;
  // 1, or less for as long as programs that are to be warm have just begun to be so.
  double warmth = 1;
};

double demand_of(const Report& report);
double warmth_of(const Report& report, bool has_warm_programs);

// The share of its weight that the server should have, in percent, from one answer to the next.
// Never 0, which HAProxy takes for the administrator's word.
//
// Of one that gets on all the time it is 100 / (1 + load), which falls by a smaller part than the
// load grows by: so a server that gets fewer requests for it never asks for so many more the next
// time that its weight swings.
class AgentWeight {
 public:
  using Clock = std::chrono::steady_clock;

  unsigned percent(const Load& load, Clock::time_point now);

 private:
  double smoothed(double cost, Clock::time_point now);

  std::optional<double> cost_;  // a mean of the last seconds
  Clock::time_point at_{};
  unsigned told_ = 0;  // 0: nothing yet
};

// Without the end of the line. `silence`: since the master's last sign of life. `percent`: of a
// server that serves.
std::string agent_line(const Report& report, std::chrono::nanoseconds silence, unsigned percent);

}  // namespace cgisrv::status
