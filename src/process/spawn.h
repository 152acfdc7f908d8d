// Starts a program at vfork's price, however large the caller is: clone(2), execve(2).
#pragma once

#include <cgisrv/fd.h>
#include <sys/resource.h>

#include <expected>
#include <span>

#include "process/child.h"

namespace cgisrv::process {

struct ResourceLimit {
  int resource;  // RLIMIT_*
  rlimit value;
};

struct Program {
  const char* path;       // absolute, or in `directory_fd`
  char* const* argv;      // NULL-terminated
  char* const* envp;      // NULL-terminated
  const char* directory;  // becomes the working directory
  int stdin_fd;           // -1: there is nothing to read (/dev/null)
  int stdout_fd;
  int stderr_fd;
  std::span<const ResourceLimit> limits;
  bool gains_privileges = false;  // setuid bits and file capabilities have their effect
  int cgroup_fd = -1;             // where set: the members of the cgroup that it is to be in
  int directory_fd = -1;  // where set: the working directory, and `path` must be no link there
};

// What the child could not do, when it could not become the program.
enum class SpawnStep : int { none, clone, cgroup, directory, limits, exec };

struct SpawnFailure {
  SpawnStep step = SpawnStep::none;
  int code = 0;  // errno
};

// The program leads a process group of its own, and has no terminal: where the caller has one, it
// leads a session of its own, too. It has descriptors 0, 1 and 2 and no other (all of ours are
// close-on-exec), default signal dispositions and an empty mask; and is killed should the calling
// process die; `place` holds its pid meanwhile. The caller's descriptors stay open.
//
// What it costs does not depend on how much memory or how many descriptors the caller has: the
// child borrows both, and takes along only the few descriptors below those that are reserved here.
std::expected<Child, SpawnFailure> spawn(const Program& program, RosterPlace place);

// Reserves the numbers by which children find their descriptors; spawn() does it otherwise. Best
// done early in a process, while low ones are free: what is open below them costs each child a
// little. False, with errno set, when there are none.
bool prepare_to_spawn();

}  // namespace cgisrv::process
