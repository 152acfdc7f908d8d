// How long a process has had something to compute.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>

namespace cgisrv::process {

// The time in which its main thread has run, or has waited for a processor: an endless loop does
// one of the two all the time, however busy the machine is. Nothing where the kernel does not tell.
std::optional<std::chrono::nanoseconds> busy_time(pid_t pid);

}  // namespace cgisrv::process
