#include "server/admin_host.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/log.h"
#include "server/admin_process.h"

namespace cgisrv::server {

namespace {
constexpr auto restart_delay = std::chrono::seconds(1);
constexpr int stop_patience_ms = 1000;
constexpr auto beat_interval = std::chrono::seconds(1);
}  // namespace

AdminHost::AdminHost(pool::Master& master, const net::Listener& listener, AdminSources sources,
                     const process::Privileges& privileges, std::function<void()> in_child)
    : master_(master),
      listener_(listener),
      sources_(sources),
      privileges_(privileges),
      in_child_(std::move(in_child)),
      again_(master.loop(), Callback::of<&AdminHost::start>(*this)),
      beat_(master.loop(), Callback::of<&AdminHost::beat>(*this)) {
  if (!listener.address.loopback())
    log::line(log::Level::warn,
              "the admin listener {} has no password, and whoever reaches it sees all that the "
              "server does; listen on 127.0.0.1, or see that a firewall or a proxy is in front",
              listener.address.text());
  beat(0);
  start(0);
}

// Nothing of it is worth waiting for.
AdminHost::~AdminHost() {
  if (!process_) return;
  ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
  pollfd end{process_.get(), POLLIN, 0};
  ::poll(&end, 1, stop_patience_ms);
}

void AdminHost::start(std::uint32_t) {
  std::array<int, 2> line{-1, -1};
  if (::pipe2(line.data(), O_CLOEXEC) != 0) return again_.arm_after(restart_delay);
  Fd theirs(line[0]);
  lifeline_.reset(line[1]);
  const pid_t pid = master_.fork_apart();
  if (pid == 0) become_admin(std::move(theirs));
  Fd pidfd(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
  if (pidfd)
    process_ = WatchedFd(master_.loop(), std::move(pidfd), EPOLLIN,
                         Callback::of<&AdminHost::ended>(*this));
  if (process_) return;
  log::line(log::Level::error, "the admin process cannot be started: {}", errno_text(errno));
  again_.arm_after(restart_delay);
}

void AdminHost::become_admin(Fd lifeline) {
  ::prctl(PR_SET_NAME, "cgisrv-admin");
  net::Listener listener{.socket = Fd(::fcntl(listener_.socket.get(), F_DUPFD_CLOEXEC, 3)),
                         .address = listener_.address};
  in_child_();
  lifeline_.reset();  // or we would hold our own
  if (auto dropped = process::drop_privileges(privileges_); !dropped) {
    log::line(log::Level::error, "the admin process: {}", dropped.error().what);
    ::_exit(1);
  }
  AdminProcess process(std::move(listener), std::move(lifeline), sources_.options,
                       sources_.reporter, sources_.table, sources_.board);
  ::_exit(process.run());
}

void AdminHost::ended(std::uint32_t) {
  process_.reset();
  log::line(log::Level::error, "the admin process has died; another one takes its place");
  again_.arm_after(restart_delay);
}

void AdminHost::beat(std::uint32_t) {
  sources_.board.beat();
  beat_.arm_after(beat_interval);
}

}  // namespace cgisrv::server
