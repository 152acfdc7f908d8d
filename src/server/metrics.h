// The server's metrics, for Prometheus. How many lines there are is bounded: by the rows of traffic
// (locations, times the statuses that they answered with) and of programs.
#pragma once

#include <string>

#include "admission/table.h"
#include "server/report.h"
#include "telemetry/board.h"

namespace cgisrv::server {

// In the text format of server/exposition.h.
std::string metrics_text(const Report& report, admission::Table& table, telemetry::Board& board);

}  // namespace cgisrv::server
