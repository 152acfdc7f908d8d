// The order in which the kernel kills when memory runs out: programs first, then the processes that
// run them, the master last.
//
// A child takes its parent's score, so a process has the score of programs while it starts one: two
// short writes, where the child would have to open a file (and could not, if it is untraceable).
#pragma once

namespace cgisrv::process {

// Added to the score that the server was started with; 1000 would be all of the memory.
inline constexpr int workers_oom_score = 100;
inline constexpr int programs_oom_score = 400;

// Called once, in a process of ours that is not the master, while it has the master's rights:
// raises its own score, and from now on that of what it starts. No effect if /proc does not allow
// it.
void raise_oom_score();

// While it exists, new processes begin with the score of programs.
class ProgramsOomScore {
 public:
  ProgramsOomScore();
  ProgramsOomScore(const ProgramsOomScore&) = delete;
  ProgramsOomScore& operator=(const ProgramsOomScore&) = delete;
  ~ProgramsOomScore();
};

}  // namespace cgisrv::process
