// The clock of these programs, in place of the library's: it goes on by a microsecond with each
// look, and when an input says. Time-outs of minutes then cost nothing and come at the same moment
// whenever an input is run.
#pragma once

#include <chrono>

namespace cgisrv::fuzz {

extern std::chrono::nanoseconds clock_now;

}  // namespace cgisrv::fuzz
