#include "process/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>

#include "process/affinity.h"

namespace cgisrv::process {

namespace {

// Numbers that are ours for good and open nothing but /dev/null. What a child is to have is put
// there before it is started: it cuts off its table of descriptors above them, so that nobody has
// to copy the rest, nor to close it at exec.
class Landing {
 public:
  enum Number : unsigned { input, output, error, cgroup, directory };

  bool reserve() {
    if (number_[directory] >= 0) return true;
    // Whoever shares our terminal could type commands into the shell that started us. When in
    // doubt there is one.
    has_terminal_ = Fd(::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC)) || errno != ENXIO;
    if (!null_) null_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null_) return false;
    for (int& number : number_)
      if (number < 0) {
        number = ::fcntl(null_.get(), F_DUPFD_CLOEXEC, 3);
        if (number < 0) return false;
      }
    return true;
  }
  bool put(Number number, int fd) const { return ::dup3(fd, number_[number], O_CLOEXEC) >= 0; }
  void clear(Number number) const { ::dup3(null_.get(), number_[number], O_CLOEXEC); }

  bool has_terminal() const { return has_terminal_; }
  int at(Number number) const { return number_[number]; }
  unsigned end() const { return static_cast<unsigned>(*std::ranges::max_element(number_)) + 1; }

 private:
  bool has_terminal_ = true;
  Fd null_;
  std::array<int, 5> number_{-1, -1, -1, -1, -1};
};

Landing landing;

// The descriptors of one child, as long as it takes to start it.
class Landed {
 public:
  explicit Landed(const Program& program)
      : reads_(program.stdin_fd >= 0),
        placed_(program.directory_fd >= 0),
        confined_(program.cgroup_fd >= 0),
        all_((!reads_ || landing.put(Landing::input, program.stdin_fd)) &&
             landing.put(Landing::output, program.stdout_fd) &&
             landing.put(Landing::error, program.stderr_fd) &&
             (!confined_ || landing.put(Landing::cgroup, program.cgroup_fd)) &&
             (!placed_ || landing.put(Landing::directory, program.directory_fd))) {}
  Landed(const Landed&) = delete;
  Landed& operator=(const Landed&) = delete;
  ~Landed() {
    landing.clear(Landing::output);
    landing.clear(Landing::error);
    if (reads_) landing.clear(Landing::input);
    if (confined_) landing.clear(Landing::cgroup);
    if (placed_) landing.clear(Landing::directory);
  }
  explicit operator bool() const { return all_; }

 private:
  bool reads_;
  bool placed_;
  bool confined_;
  bool all_;
};

struct Start {
  const Program& program;
  pid_t parent;
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
  // Before anything else: until then the table is the parent's too. Old kernels and some filters
  // have no close_range: then the whole table is copied.
  if (::syscall(SYS_close_range, landing.end(), ~0U, CLOSE_RANGE_UNSHARE) != 0 &&
      ::syscall(SYS_unshare, CLONE_FILES) != 0)
    give_up(start, SpawnStep::clone);
  if (program.cgroup_fd >= 0 && ::write(landing.at(Landing::cgroup), "0", 1) != 1)
    give_up(start, SpawnStep::cgroup);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have died before: then nobody limits or ends us any more.
  if (::getppid() != start.parent) ::_exit(127);
  allow_all_processors();
  // A session costs more than a group, and where the kernel schedules by sessions (autogroup), each
  // program would weigh as much as the whole server.
  landing.has_terminal() ? ::setsid() : ::setpgid(0, 0);
  ::dup2(landing.at(Landing::input), 0);
  ::dup2(landing.at(Landing::output), 1);
  ::dup2(landing.at(Landing::error), 2);
  const bool placed = program.directory_fd >= 0;
  if ((placed ? ::fchdir(landing.at(Landing::directory)) : ::chdir(program.directory)) != 0)
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
  if (!landing.reserve()) return std::unexpected(SpawnFailure{SpawnStep::clone, errno});
  const Landed landed(program);
  if (!landed) return std::unexpected(SpawnFailure{SpawnStep::clone, errno});
  // CLONE_VFORK suspends us until the child has let go of our memory, so one stack is enough.
  alignas(64) static std::array<std::byte, 64 * 1024> stack;
  Start start{program, ::getpid(), {}};
  // Who it is, it writes down as the kernel first lets it run: from then on our death does not
  // leave it unknown. Whether we died before that it sees for itself.
  const int flags = CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD |
                    (place.slot() != nullptr ? CLONE_CHILD_SETTID : 0);
  const pid_t pid = ::clone(become_program, stack.data() + stack.size(), flags, &start, nullptr,
                            nullptr, place.slot());
  if (pid < 0) return std::unexpected(SpawnFailure{SpawnStep::clone, errno});
  if (start.failure.step == SpawnStep::none) return Child(pid, std::move(place));
  ::waitpid(pid, nullptr, 0);
  return std::unexpected(start.failure);
}

bool prepare_to_spawn() {
  return landing.reserve();
}

}  // namespace cgisrv::process
