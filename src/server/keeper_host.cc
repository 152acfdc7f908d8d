#include "server/keeper_host.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/log.h"
#include "base/packet.h"

namespace cgisrv::server {

namespace {

constexpr auto restart_delay = std::chrono::seconds(1);
constexpr int stop_patience_ms = 2000;

}  // namespace

std::optional<warm::Wish> warm_wish(const Config& config, const warm::Subject& subject) {
  for (const Site& site : config.sites)
    for (const Location& location : site.locations) {
      if (location.cgi.location != subject.location || !location.cgi.warm.enabled) continue;
      return warm::Wish{.program = {.file = subject.file,
                                    .interpreter = location.interpreter,
                                    .variables = location.cgi.env,
                                    .root = site.root},
                        .options = location.cgi.warm};
    }
  return std::nullopt;
}

bool wants_keeper(const Config& config) {
  return std::ranges::any_of(config.sites, [](const Site& site) {
    return std::ranges::any_of(site.locations,
                               [](const Location& each) { return each.cgi.warm.enabled; });
  });
}

KeeperHost::KeeperHost(pool::Master& master, const Config& config,
                       const process::Privileges& privileges, const rlimit& descriptors,
                       admission::Table& table, std::function<void()> in_child)
    : master_(master),
      config_(config),
      privileges_(privileges),
      descriptors_(descriptors),
      table_(table),
      in_child_(std::move(in_child)),
      again_(master.loop(), Callback::of<&KeeperHost::start>(*this)) {
  auto ends = open_pair();
  if (!ends) {
    log::line(log::Level::error, "programs are started plainly: no socket to a keeper: {}",
              errno_text(errno));
    return;
  }
  workers_end_ = std::move(ends->first);
  keepers_end_ = std::move(ends->second);
  start(0);
}

// It ends its zygotes, and waits for them; so do we for it, but not for ever.
KeeperHost::~KeeperHost() {
  if (!keeper_) return;
  tell_to_end();
  pollfd end{keeper_.get(), POLLIN, 0};
  if (::poll(&end, 1, stop_patience_ms) == 0)
    ::syscall(SYS_pidfd_send_signal, keeper_.get(), SIGKILL, nullptr, 0);
}

void KeeperHost::tell_to_end() {
  lifeline_.reset();
  ::syscall(SYS_pidfd_send_signal, keeper_.get(), SIGCONT, nullptr, 0);  // if it has been stopped
}

void KeeperHost::let_go() {
  again_.disarm();
  if (!keeper_) return;
  tell_to_end();
  keeper_.reset();
}

void KeeperHost::close() {
  abandon();
  workers_end_.reset();
  keepers_end_.reset();
}

void KeeperHost::start(std::uint32_t) {
  std::array<int, 2> line{-1, -1};
  if (::pipe2(line.data(), O_CLOEXEC) != 0) return again_.arm_after(restart_delay);
  Fd theirs(line[0]);
  lifeline_.reset(line[1]);
  const pid_t pid = master_.fork_apart();
  if (pid == 0) become_keeper(std::move(theirs));
  Fd pidfd(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
  if (pidfd)
    keeper_ = WatchedFd(master_.loop(), std::move(pidfd), EPOLLIN,
                        Callback::of<&KeeperHost::ended>(*this));
  pid_ = keeper_ ? pid : 0;
  if (keeper_) return;
  log::line(log::Level::error, "the keeper of warm programs cannot be started: {}",
            errno_text(errno));
  again_.arm_after(restart_delay);
}

void KeeperHost::become_keeper(Fd lifeline) {
  in_child_();
  abandon();
  workers_end_.reset();
  if (auto dropped = process::drop_privileges(privileges_); !dropped) {
    log::line(log::Level::error, "the keeper of warm programs: {}", dropped.error().what);
    ::_exit(1);
  }
  warm::Keeper keeper(
      std::move(keepers_end_), std::move(lifeline),
      [this](const warm::Subject& subject) { return warm_wish(config_, subject); },
      warm::find_library(), descriptors_);
  keeper.when_counted([this](const warm::Subject& subject, unsigned ready) {
    table_.find(subject.location, subject.file).zygotes = ready;
  });
  ::_exit(keeper.run());
}

void KeeperHost::ended(std::uint32_t) {
  pid_ = 0;
  for (unsigned i = 0; i < admission::programs_max; ++i)
    if (table_.used(i)) table_.row(i).zygotes = 0;
  keeper_.reset();
  log::line(log::Level::error,
            "the keeper of warm programs has died; they are started plainly until the next one is "
            "ready");
  again_.arm_after(restart_delay);
}

}  // namespace cgisrv::server
