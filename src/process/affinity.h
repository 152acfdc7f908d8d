// The processors for a worker and its programs: sched_setaffinity(2).
#pragma once

namespace cgisrv::process {

// Keeps the calling process on one of the processors that it may use, by its number among
// `workers`. A start switches between worker and program twice; on one processor, that wakes no
// other. Programs may use all of them (allow_all_processors()). No effect if there are fewer
// workers than processors: the kernel spreads them better.
void stay_on_one_processor(unsigned index, unsigned workers);

// In a child: restores what its parent had before it chose one. At most one system call.
void allow_all_processors();

// How many processors this process may keep busy: those that it may use, and of their time no more
// than its cgroup has (cpu.max of version 2). At least 1.
unsigned usable_processors();

}  // namespace cgisrv::process
