#include "process/child.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>

namespace cgisrv::process {

std::string Exit::text() const {
  if (!signalled) return fmt::format("exit status {}", code);
  const char* const name = ::sigabbrev_np(code);
  return fmt::format("killed by signal {} ({}{})", code, name ? "SIG" : "?", name ? name : "");
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      report_(std::move(other.report_)),
      place_(std::move(other.place_)),
      holding_(std::move(other.holding_)),
      cgroup_(std::move(other.cgroup_)) {}

Child& Child::operator=(Child&& other) noexcept {
  pid_ = std::exchange(other.pid_, 0);
  pidfd_ = std::move(other.pidfd_);
  report_ = std::move(other.report_);
  place_ = std::move(other.place_);
  holding_ = std::move(other.holding_);
  cgroup_ = std::move(other.cgroup_);
  return *this;
}

void Report::tell(const Exit& exit) {
  exit_ = exit;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

// How it ended, if it has.
std::optional<Exit> Child::ask() const {
  if (report_) return report_->exit_;
  siginfo_t info{};
  Exit exit;
  // glibc's waitid() has no place for the usage that the system call gives.
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
  place_.release();
  if (const auto held = std::exchange(holding_, nullptr)) held->ended(*exit);
  return exit;
}

int Child::pidfd() {
  if (report_) return report_->event_.get();
  if (!pidfd_ && pid_ != 0) pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  return pidfd_.get();
}

void Child::enlist(RosterPlace place) {
  place_ = std::move(place);
  if (place_) place_.slot()->store(pid_, std::memory_order_release);
}

void Child::signal_group(int signal) const {
  if (pid_ == 0) return;
  if (report_) return process::signal_group(pid_, report_->pidfd(), signal);
  // As long as we have not reaped it, its number is nobody else's. It may have left its group.
  if (::kill(-pid_, signal) != 0 || signal == SIGKILL) ::kill(pid_, signal);
}

void signal_group(pid_t pid, int pidfd, int signal) {
  const auto send = [pidfd](int which, unsigned flags) {
    return ::syscall(SYS_pidfd_send_signal, pidfd, which, nullptr, flags) == 0;
  };
  constexpr unsigned to_group = 1U << 2;  // PIDFD_SIGNAL_PROCESS_GROUP
  if (send(signal, to_group)) return;
  const bool is_old = errno == EINVAL;
  // What is left of a race: between these two calls whoever reaps the leader does, the group ends,
  // and its number, of some millions or at least 32768, is taken by the next one that leads a
  // group.
  if (is_old && send(0, 0) && ::kill(-pid, signal) == 0) return;
  send(signal, 0);  // it has not made its group yet
}

bool group_exists(pid_t group) {
  return ::kill(-group, 0) == 0 || errno == EPERM;
}

}  // namespace cgisrv::process
