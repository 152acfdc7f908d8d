#include "master/helper_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/log.h"
#include "process/child.h"
#include "process/oom_score.h"

namespace cgisrv::master {

namespace {

constexpr auto restart_delay = std::chrono::seconds(1);
// The master does nothing else meanwhile. A process of the server's user may keep one from ending.
constexpr int stop_timeout_ms = 500;
constexpr int kill_patience_ms = 100;  // for an uninterruptible process, we do not wait

}  // namespace

HelperProcess::HelperProcess(pool::Master& master, const process::Privileges& privileges, Role role)
    : master_(master),
      privileges_(privileges),
      role_(std::move(role)),
      again_(master.loop(), Callback::of<&HelperProcess::start>(*this)),
      listening_(master.loop(), Callback::of<&HelperProcess::listen>(*this)) {}

void HelperProcess::end() {
  const Fd process = let_go();
  if (!process || process::ends_within(process.get(), stop_timeout_ms)) return;
  process::send_signal(process.get(), SIGKILL);
  process::ends_within(process.get(), kill_patience_ms);
}

Fd HelperProcess::let_go() {
  again_.disarm();
  if (!*process_) return {};
  lifeline_->reset();
  process::send_signal(process_->get(), SIGCONT);  // it may be stopped
  listening_.disarm();
  end_.cancel();
  pid_ = 0;
  return std::exchange(*process_, Fd());
}

void HelperProcess::start() {
  std::array<int, 2> line{-1, -1};
  if (::pipe2(line.data(), O_CLOEXEC) != 0) return again_.arm_after(restart_delay);
  Fd theirs(line[0]);
  lifeline_->reset(line[1]);
  const pid_t pid = master_.fork_apart(role_.keep);
  if (pid == 0) become(std::move(theirs));
  *process_ = pid > 0 ? process::open_pidfd(pid) : Fd();
  if (*process_)
    end_ = Watch(master_.loop(), process_->get(), EPOLLIN,
                 WatchCallback::of<&HelperProcess::ended>(*this));
  pid_ = end_ ? pid : 0;
  beats_missed_ = 0;
  if (end_) return listening_.arm_after(role_.timeout / Beats::per_timeout);
  log::line(log::Level::error, "{} cannot be started: {}", role_.name, errno_text(errno));
  again_.arm_after(restart_delay);
}

void HelperProcess::become(Fd lifeline) {
  ::prctl(PR_SET_NAME, role_.process_name);
  role_.prepare();
  process::raise_oom_score();
  if (const auto dropped = process::drop_privileges(privileges_); !dropped) {
    log::line(log::Level::error, "{}: {}", role_.name, dropped.error().what);
    ::_exit(1);
  }
  ::_exit(role_.run(std::move(lifeline), *beats_));
}

// As in the pool for workers: missed beats are counted by our own checks.
void HelperProcess::listen() {
  listening_.arm_after(role_.timeout / Beats::per_timeout);
  const std::uint32_t heard = beats_->count;
  beats_missed_ = heard == beats_heard_ ? beats_missed_ + 1 : 0;
  beats_heard_ = heard;
  if (beats_missed_ <= Beats::per_timeout) return;
  log::line(log::Level::error, "{} (pid {}): no heartbeat for {:.1f} s; killing it", role_.name,
            pid_, std::chrono::duration<double>(role_.timeout).count());
  process::send_signal(process_->get(), SIGKILL);
  beats_missed_ = 0;
}

void HelperProcess::ended() {
  pid_ = 0;
  listening_.disarm();
  end_.cancel();
  process_->reset();
  log::line(log::Level::error, "{} has died; {}", role_.name, role_.meanwhile);
  role_.died();
  again_.arm_after(restart_delay);
}

}  // namespace cgisrv::master
