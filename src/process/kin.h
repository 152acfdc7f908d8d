// What the kernel knows of our children, of theirs, and of others. Reaps nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace cgisrv::process {

// Also true for one that has ended, until it is reaped.
bool is_our_child(pid_t pid);
// Whether a signal has stopped the child.
bool is_stopped(pid_t child);
// Whether its first thread computes or waits for a processor, rather than for anything else. None:
// no such process, or not visible.
std::optional<bool> wants_processor(pid_t pid);
// 0: no such process, or not visible.
pid_t parent_of(pid_t pid);
// Resident memory. None: no such process, or not readable now.
std::optional<std::uint64_t> resident_bytes(pid_t pid);
// False: all of them have ended or are stopped. True if that is not visible.
bool may_have_running_children(pid_t pid);

}  // namespace cgisrv::process
