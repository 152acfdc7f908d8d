// Whether the server is alive, and ready for requests, for load balancers. Pure.
#pragma once

#include <chrono>
#include <string>

#include "status/report.h"

namespace cgisrv::status {

// What is wrong, in one sentence; empty: nothing. `silence`: since the master's last sign of life.
std::string why_not_alive(std::chrono::nanoseconds silence);
// Starting, drained, stopping, or without room for one more connection. A full queue is no reason:
// a balancer that takes the server out for it has it stand idle by the time it looks again.
std::string why_not_ready(const Report& report);

}  // namespace cgisrv::status
