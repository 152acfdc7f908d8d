// Starts a program at vfork's price, however large the caller is: clone(2), execve(2).
#pragma once

#include <cgisrv/fd.h>
#include <sys/resource.h>

#include <expected>
#include <span>
#include <string>
#include <vector>

#include "process/child.h"

namespace cgisrv::process {

struct ResourceLimit {
  int resource;  // RLIMIT_*
  rlimit value;
};

struct SpawnSpec {
  const char* path;       // absolute, or in `directory_fd`
  char* const* argv;      // NULL-terminated
  char* const* envp;      // NULL-terminated
  const char* directory;  // becomes the working directory
  int stdin_fd;           // -1: no input (/dev/null)
  int stdout_fd;
  int stderr_fd;
  std::span<const ResourceLimit> limits;
  bool gains_privileges = false;  // setuid bits and file capabilities take effect
  int cgroup_fd = -1;             // if set: the members file of its cgroup
  int umask = -1;                 // if set: the file mode creation mask
  int directory_fd = -1;          // if set: the working directory, and `path` must be no link in it
};

// The step that failed in the child before it became the program.
enum class SpawnStep : int { none, clone, cgroup, directory, limits, exec };

struct SpawnFailure {
  SpawnStep step = SpawnStep::none;
  int code = 0;  // errno
};

// The program leads a process group of its own, and has no terminal: if the caller has one, it also
// leads a session of its own. It has only descriptors 0, 1 and 2 (all of ours are close-on-exec),
// default signal dispositions and an empty mask. It is killed if the calling process dies. While it
// runs, `pid_slot` holds its pid. The caller's descriptors stay open.
//
// The cost does not depend on the caller's memory or number of descriptors: the child borrows both,
// and only copies the few descriptors below those that are reserved here.
std::expected<Child, SpawnFailure> spawn(const SpawnSpec& program, PidSlotOwner pid_slot);

// For argv or envp of execve(2): a pointer to each, then a null pointer.
std::vector<char*> pointers(std::vector<std::string>& texts);

// Reserves the numbers by which children find their descriptors; else spawn() does. Best done early
// in a process, while low ones are free: each open one below costs each child a little. False, with
// errno set, when there are none.
bool prepare_to_spawn();

}  // namespace cgisrv::process
