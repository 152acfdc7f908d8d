#include "process/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>

#include "process/affinity.h"
#include "process/oom_score.h"

namespace cgisrv::process {

namespace {

// Numbers reserved for good that open nothing but /dev/null. A child's descriptors are placed there
// before its start. It cuts off its table of descriptors above them, so that the rest need neither
// be copied, nor closed at exec.
class FdStaging {
 public:
  enum Number : unsigned { input, output, error, cgroup, directory, numbers };

  bool reserve() {
    if (number_[directory] >= 0) return true;
    // A process that shares our terminal could type commands into the shell that started us. When
    // in doubt there is one.
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
  bool put(unsigned number, int fd) const { return ::dup3(fd, number_[number], O_CLOEXEC) >= 0; }
  void clear(unsigned number) const { ::dup3(null_.get(), number_[number], O_CLOEXEC); }

  bool has_terminal() const { return has_terminal_; }
  int at(Number number) const { return number_[number]; }
  unsigned end() const { return static_cast<unsigned>(*std::ranges::max_element(number_)) + 1; }

 private:
  bool has_terminal_ = true;
  Fd null_;
  std::array<int, numbers> number_{-1, -1, -1, -1, -1};
};

FdStaging staging;

// The descriptors of one child, during its start.
class StagedFds {
 public:
  explicit StagedFds(const SpawnSpec& program)
      : fds_{program.stdin_fd, program.stdout_fd, program.stderr_fd, program.cgroup_fd,
             program.directory_fd} {
    for (unsigned number = 0; number < fds_.size() && all_; ++number)
      all_ = fds_[number] < 0 || staging.put(number, fds_[number]);
  }
  StagedFds(const StagedFds&) = delete;
  StagedFds& operator=(const StagedFds&) = delete;
  ~StagedFds() {
    for (unsigned number = 0; number < fds_.size(); ++number)
      if (fds_[number] >= 0) staging.clear(number);
  }
  explicit operator bool() const { return all_; }

 private:
  std::array<int, FdStaging::numbers> fds_;  // in the order of FdStaging::Number; -1: none
  bool all_ = true;
};

struct SpawnArguments {
  const SpawnSpec& program;
  pid_t parent;
  SpawnFailure failure;  // written by the child: it shares our memory
};

[[noreturn]] void give_up(SpawnArguments& start, SpawnStep step) {
  start.failure = {step, errno};
  ::_exit(127);
}

// Runs in the child, on a stack of its own but in the parent's memory, while the parent waits.
// System calls only: no allocation, no locks, nothing that outlives the call. Not instrumented: the
// sanitizers' shadow of this stack is the parent's too.
__attribute__((no_sanitize("address", "undefined"))) int become_program(void* argument) {
  auto& start = *static_cast<SpawnArguments*>(argument);
  const SpawnSpec& program = start.program;
  // First of all: until then the table is the parent's too. Old kernels and some filters lack
  // close_range: then the whole table is copied.
  if (::syscall(SYS_close_range, staging.end(), ~0U, CLOSE_RANGE_UNSHARE) != 0 &&
      ::syscall(SYS_unshare, CLONE_FILES) != 0)
    give_up(start, SpawnStep::clone);
  if (program.cgroup_fd >= 0 && ::write(staging.at(FdStaging::cgroup), "0", 1) != 1)
    give_up(start, SpawnStep::cgroup);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before: then nobody limits or ends us any more.
  if (::getppid() != start.parent) ::_exit(127);
  allow_all_processors();
  // A session costs more than a group, and if the kernel schedules by sessions (autogroup), each
  // program would weigh as much as the whole server.
  staging.has_terminal() ? ::setsid() : ::setpgid(0, 0);
  ::dup2(staging.at(FdStaging::input), 0);
  ::dup2(staging.at(FdStaging::output), 1);
  ::dup2(staging.at(FdStaging::error), 2);
  const bool placed = program.directory_fd >= 0;
  if ((placed ? ::fchdir(staging.at(FdStaging::directory)) : ::chdir(program.directory)) != 0)
    give_up(start, SpawnStep::directory);
  if (program.umask >= 0) ::umask(static_cast<mode_t>(program.umask));
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

std::expected<Child, SpawnFailure> spawn(const SpawnSpec& program, PidSlotOwner pid_slot) {
  if (!staging.reserve()) return std::unexpected(SpawnFailure{SpawnStep::clone, errno});
  const StagedFds staged(program);
  if (!staged) return std::unexpected(SpawnFailure{SpawnStep::clone, errno});
  // CLONE_VFORK suspends us until the child has released our memory, so one stack is enough.
  alignas(64) static std::array<std::byte, 64 * 1024> stack;
  SpawnArguments start{program, ::getpid(), {}};
  // CLONE_CHILD_SETTID stores the child's pid in shared memory before the child first runs, so that
  // the master can find it if we die. The child itself checks whether we died before that.
  const int flags =
      CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD | (pid_slot ? CLONE_CHILD_SETTID : 0);
  const ProgramsOomScore score;
  const pid_t pid = ::clone(become_program, stack.data() + stack.size(), flags, &start, nullptr,
                            nullptr, pid_slot.get());
  if (pid < 0) return std::unexpected(SpawnFailure{SpawnStep::clone, errno});
  if (start.failure.step == SpawnStep::none) return Child(pid, std::move(pid_slot));
  ::waitpid(pid, nullptr, 0);
  return std::unexpected(start.failure);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> found;
  found.reserve(texts.size() + 1);
  for (std::string& each : texts)
    found.push_back(each.data());
  found.push_back(nullptr);
  return found;
}

bool prepare_to_spawn() {
  return staging.reserve();
}

}  // namespace cgisrv::process
