#include "process/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>

namespace cgisrv::process {

namespace {

struct Start {
  const Program& program;
  PidSlot* slot;
  SpawnFailure failure;  // written by the child: it shares our memory
};

[[noreturn]] void give_up(Start& start, SpawnStep step) {
  start.failure = {step, errno};
  ::_exit(127);
}

// Runs in the child, on a stack of its own but in the parent's memory, while the parent waits.
// System calls only: no allocation, no locks, nothing that outlives the call. Not instrumented: the
// sanitizers' shadow of this stack is the parent's too.
__attribute__((no_sanitize("address", "undefined"))) int become_program(void* argument) {
  auto& start = *static_cast<Start*>(argument);
  const Program& program = start.program;
  if (start.slot != nullptr)
    start.slot->store(static_cast<pid_t>(::syscall(SYS_getpid)), std::memory_order_release);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setsid();  // with our terminal it could type commands into the shell that started us
  ::dup2(program.stdin_fd, 0);
  ::dup2(program.stdout_fd, 1);
  ::dup2(program.stderr_fd, 2);
  const bool placed = program.directory_fd >= 0;
  if ((placed ? ::fchdir(program.directory_fd) : ::chdir(program.directory)) != 0)
    give_up(start, SpawnStep::directory);
  for (const ResourceLimit& limit : program.limits)
    if (::setrlimit(static_cast<__rlimit_resource_t>(limit.resource), &limit.value) != 0)
      give_up(start, SpawnStep::limits);
  if (!program.gains_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    give_up(start, SpawnStep::limits);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (placed)
    ::syscall(SYS_execveat, AT_FDCWD, program.path, program.argv, program.envp,
              AT_SYMLINK_NOFOLLOW);
  else
    ::execve(program.path, program.argv, program.envp);
  give_up(start, SpawnStep::exec);
}

}  // namespace

std::expected<Child, SpawnFailure> spawn(const Program& program, RosterPlace place) {
  // CLONE_VFORK suspends us until the child has let go of our memory, so one stack is enough.
  alignas(64) static std::array<std::byte, 64 * 1024> stack;
  Start start{program, place.slot(), {}};
  int pidfd = -1;
  const pid_t pid = ::clone(become_program, stack.data() + stack.size(),
                            CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &start, &pidfd);
  if (pid < 0) return std::unexpected(SpawnFailure{SpawnStep::clone, errno});
  if (start.failure.step == SpawnStep::none) return Child(pid, Fd(pidfd), std::move(place));
  ::close(pidfd);
  ::waitpid(pid, nullptr, 0);
  return std::unexpected(start.failure);
}

}  // namespace cgisrv::process
