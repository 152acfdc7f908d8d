// On which processors a worker and its programs run: sched_setaffinity(2).
#pragma once

namespace cgisrv::process {

// Keeps the calling process on one processor of those that it may use, by its number among
// `workers`. A start is then handed to and fro on one processor, which saves waking another one
// twice; the programs themselves may use all of them (allow_all_processors()). Does nothing where
// there are fewer workers than processors: the kernel spreads them better.
void stay_on_one_processor(unsigned index, unsigned workers);

// In a child: back to what its parent had before it chose one. A system call at most.
void allow_all_processors();

}  // namespace cgisrv::process
