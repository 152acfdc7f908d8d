// The kernel's pressure stall information: for how much of the time somebody had to wait for a
// processor, memory or a disk. Linux's Documentation/accounting/psi.rst.
#pragma once

#include <optional>
#include <string_view>

namespace cgisrv::process {

// Shares of the last ten seconds, 0 to 1.
struct Pressure {
  double some = 0;  // in which at least one process had to wait
  double full = 0;  // in which none of those that wanted to run did: nothing got done
};

// "some avg10=12.34 avg60=... total=...\nfull avg10=1.00 ...". Nothing for any other text; a kernel
// before 5.13 has no second line for processors.
std::optional<Pressure> read_pressure(std::string_view text);

// `resource`: "cpu", "memory" or "io". Of our own cgroup, which a container or a service has: only
// that tells of neighbours and of limits. Else of the whole machine; nothing where the kernel does
// not tell.
std::optional<Pressure> own_pressure(std::string_view resource);

}  // namespace cgisrv::process
