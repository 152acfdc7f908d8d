// What the kernel knows of our children, and of theirs. Reaps nothing.
#pragma once

#include <sys/types.h>

namespace cgisrv::process {

// Also true for one that has ended, until it is reaped.
bool is_our_child(pid_t pid);
// Whether a signal has stopped the child.
bool is_stopped(pid_t child);
// 0: no such process, or not visible.
pid_t parent_of(pid_t pid);
// False: all of them have ended or are stopped. True if that is not visible.
bool may_have_running_children(pid_t pid);

}  // namespace cgisrv::process
