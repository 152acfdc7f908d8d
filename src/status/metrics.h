// The server's metrics, for Prometheus. Rows of traffic (locations, times their statuses) and of
// programs bound the number of lines.
#pragma once

#include <string>

#include "admission/table.h"
#include "status/report.h"
#include "telemetry/shared_stats.h"

namespace cgisrv::status {

// In the text format of status/exposition.h.
std::string metrics_text(const Report& report, admission::Table& table,
                         telemetry::SharedStats& shared_stats);

}  // namespace cgisrv::status
