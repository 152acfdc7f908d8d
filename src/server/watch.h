// `cgisrv status --watch`: a report again and again, in place on a terminal, one after the other
// elsewhere.
#pragma once

#include <chrono>
#include <functional>

#include "base/result.h"
#include "server/report.h"
#include "server/report_table.h"

namespace cgisrv::server {

// Of standard output. Elsewhere than on a terminal lines are as long as they are.
Screen output_screen();

// Until a signal ends it, which leaves the terminal as it was, or until `fetch` fails. Returns the
// exit status.
int watch(const std::function<Result<Report>()>& fetch, std::chrono::duration<double> interval);

}  // namespace cgisrv::server
