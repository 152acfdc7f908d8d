// `cgisrv status --watch`: a report again and again, in place on a terminal, else one after the
// other.
#pragma once

#include <chrono>
#include <functional>

#include "base/result.h"
#include "status/report.h"
#include "status/report_table.h"

namespace cgisrv::command {

// The size of standard output. Without a terminal, lines are not limited.
status::Screen output_screen();

// Returns when a signal ends it, with the terminal as it was before, or when `fetch` fails. Returns
// the exit status.
int watch(const std::function<Result<status::Report>()>& fetch,
          std::chrono::duration<double> interval);

}  // namespace cgisrv::command
