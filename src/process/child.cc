#include "process/child.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "base/text.h"

namespace cgisrv::process {

namespace {

std::chrono::microseconds time_of(const timeval& value) {
  return std::chrono::seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec);
}

}  // namespace

std::chrono::microseconds Exit::user_time() const {
  return time_of(usage.ru_utime);
}

std::chrono::microseconds Exit::system_time() const {
  return time_of(usage.ru_stime);
}

std::string Exit::text() const {
  if (!signalled) return fmt::format("exit status {}", code);
  return fmt::format("killed by signal {} ({})", code, text::signal_name(code));
}

Exit exit_of(int status, const rusage& usage) {
  const bool signalled = WIFSIGNALED(status);
  return {signalled, signalled ? WTERMSIG(status) : WEXITSTATUS(status), usage};
}

Child& Child::operator=(Child&& other) noexcept {
  pid_ = std::exchange(other.pid_, 0);
  pidfd_ = std::move(other.pidfd_);
  report_ = std::move(other.report_);
  pid_slot_ = std::move(other.pid_slot_);
  exit_hook_ = std::move(other.exit_hook_);
  cgroup_ = std::move(other.cgroup_);
  return *this;
}

void ExitNotice::tell(const Exit& exit) {
  exit_ = exit;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

// How it ended, if it has.
std::optional<Exit> Child::ask() const {
  if (report_) return report_->exit_;
  siginfo_t info{};
  Exit exit;
  // glibc's waitid() lacks the usage that the system call returns.
  const long result = ::syscall(SYS_waitid, P_PID, pid_, &info, WEXITED | WNOHANG, &exit.usage);
  if (result != 0 || info.si_pid == 0) return std::nullopt;
  exit.signalled = info.si_code != CLD_EXITED;
  exit.code = info.si_status;
  return exit;
}

std::optional<Exit> Child::try_wait() {
  if (pid_ == 0) return std::nullopt;
  const auto exit = ask();
  if (!exit) return std::nullopt;
  pid_ = 0;
  pidfd_.reset();
  report_.reset();
  pid_slot_.reset();
  if (const auto held = std::exchange(exit_hook_, nullptr)) held->on_exit(*exit);
  return exit;
}

int Child::exit_fd() {
  if (report_) return report_->event_.get();
  if (!pidfd_ && pid_ != 0) pidfd_ = open_pidfd(pid_);
  return pidfd_.get();
}

void Child::enlist(PidSlotOwner pid_slot) {
  pid_slot_ = std::move(pid_slot);
  if (pid_slot_) pid_slot_->store(pid_, std::memory_order_release);
}

void Child::signal_group(int signal) const {
  if (pid_ == 0) return;
  if (report_) return process::signal_group(pid_, report_->pidfd(), signal);
  // Until we reap it, its pid is unique. It may have left its group.
  if (::kill(-pid_, signal) != 0 || signal == SIGKILL) ::kill(pid_, signal);
}

Fd open_pidfd(pid_t pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

Fd hold(pid_t child) {
  Fd pidfd = open_pidfd(child);
  const int error = errno;
  if (!pidfd) ::kill(child, SIGKILL);
  errno = error;
  return pidfd;
}

void send_signal(int pidfd, int signal) {
  ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
}

void kill_and_reap(int pidfd) {
  send_signal(pidfd, SIGKILL);
  constexpr auto by_pidfd = static_cast<idtype_t>(3);  // P_PIDFD, which not every libc has
  siginfo_t info;
  while (::waitid(by_pidfd, static_cast<id_t>(pidfd), &info, WEXITED) < 0 && errno == EINTR) {
  }
}

bool ends_within(int pidfd, int timeout_ms) {
  pollfd end{pidfd, POLLIN, 0};
  return ::poll(&end, 1, timeout_ms) > 0;
}

void signal_group(pid_t pid, int pidfd, int signal) {
  const auto send = [pidfd](int which, unsigned flags) {
    return ::syscall(SYS_pidfd_send_signal, pidfd, which, nullptr, flags) == 0;
  };
  constexpr unsigned to_group = 1U << 2;  // PIDFD_SIGNAL_PROCESS_GROUP
  if (send(signal, to_group)) return;
  const bool is_old = errno == EINVAL;
  // A race remains. Between these two calls its parent reaps the leader, the group ends, and a new
  // group gets its number, out of millions or at least 32768.
  if (is_old && send(0, 0) && ::kill(-pid, signal) == 0) return;
  send(signal, 0);  // it has not made its group yet
}

bool group_exists(pid_t group) {
  return ::kill(-group, 0) == 0 || errno == EPERM;
}

}  // namespace cgisrv::process
