// A report as a table for a terminal. Pure.
#pragma once

#include <string>

#include "status/report.h"

namespace cgisrv::status {

struct Screen {
  unsigned columns = 80;  // 0: names are never cut
  unsigned lines = 0;     // 0: as many as there are
};

// Rates and shares of processor time are averages since `before`, or since the server was started.
// Names are escaped: they never drive the terminal.
std::string report_table(const Report& now, const Report* before, const Screen& screen);

}  // namespace cgisrv::status
