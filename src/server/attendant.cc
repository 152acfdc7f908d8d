#include "server/attendant.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/log.h"

namespace cgisrv::server {

namespace {

constexpr auto restart_delay = std::chrono::seconds(1);
constexpr int stop_patience_ms = 2000;

}  // namespace

Attendant::Attendant(pool::Master& master, const process::Privileges& privileges, Role role)
    : master_(master),
      privileges_(privileges),
      role_(std::move(role)),
      again_(master.loop(), Callback::of<&Attendant::restart>(*this)) {}

Attendant::~Attendant() {
  if (!process_) return;
  tell_to_end();
  pollfd end{process_.get(), POLLIN, 0};
  if (::poll(&end, 1, stop_patience_ms) == 0) send_signal(SIGKILL);
}

void Attendant::abandon() {
  lifeline_.reset();
  end_.forget();
  process_.reset();
}

void Attendant::let_go() {
  again_.disarm();
  if (!process_) return;
  tell_to_end();
  forget_process();
}

void Attendant::send_signal(int signal) const {
  ::syscall(SYS_pidfd_send_signal, process_.get(), signal, nullptr, 0);
}

void Attendant::tell_to_end() {
  lifeline_.reset();
  send_signal(SIGCONT);  // if it has been stopped
}

void Attendant::forget_process() {
  end_.cancel();
  process_.reset();
}

void Attendant::start() {
  std::array<int, 2> line{-1, -1};
  if (::pipe2(line.data(), O_CLOEXEC) != 0) return again_.arm_after(restart_delay);
  Fd theirs(line[0]);
  lifeline_.reset(line[1]);
  const pid_t pid = master_.fork_apart();
  if (pid == 0) become(std::move(theirs));
  process_.reset(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
  if (process_)
    end_ = Watch(master_.loop(), process_.get(), EPOLLIN, Callback::of<&Attendant::ended>(*this));
  pid_ = end_ ? pid : 0;
  if (end_) return;
  log::line(log::Level::error, "{} cannot be started: {}", role_.name, errno_text(errno));
  again_.arm_after(restart_delay);
}

void Attendant::become(Fd lifeline) {
  role_.leave_master();
  lifeline_.reset();  // or we would hold our own
  if (const auto dropped = process::drop_privileges(privileges_); !dropped) {
    log::line(log::Level::error, "{}: {}", role_.name, dropped.error().what);
    ::_exit(1);
  }
  ::_exit(role_.run(std::move(lifeline)));
}

void Attendant::ended(std::uint32_t) {
  pid_ = 0;
  forget_process();
  log::line(log::Level::error, "{} has died; {}", role_.name, role_.meanwhile);
  role_.died();
  again_.arm_after(restart_delay);
}

}  // namespace cgisrv::server
