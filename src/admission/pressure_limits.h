// Thresholds from which the machine counts as short of something.
#pragma once

namespace cgisrv::admission {

// The percentage of the last ten seconds in which some process had to wait for the resource. Above
// it the machine counts as short; 0: not monitored.
struct PressureLimits {
  unsigned memory = 0;
  unsigned cpu = 0;
  unsigned io = 0;

  bool any() const { return memory != 0 || cpu != 0 || io != 0; }
};

}  // namespace cgisrv::admission
