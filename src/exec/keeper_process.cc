#include "exec/keeper_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "base/log.h"
#include "base/packet.h"
#include "base/result.h"
#include "server/keeper_host.h"
#include "warm/keeper.h"

namespace cgisrv::exec {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// More than the keeper gives a zygote, so that it has the last word.
constexpr milliseconds boot_patience{15'000};
constexpr int stop_patience_ms = 2000;

// Waits until one of them can be read or has ended.
template <std::size_t count>
bool wait(std::array<pollfd, count>& watched, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  return left > 0 && ::poll(watched.data(), count, static_cast<int>(left)) > 0;
}

}  // namespace

KeeperProcess::KeeperProcess(const server::Config& config, const rlimit& descriptors) {
  auto channel = open_pair();
  auto line = open_pair();
  if (!channel || !line) return;
  pid_ = ::fork();
  if (pid_ == 0) {
    channel->first.reset();
    line->first.reset();
    become_keeper(config, descriptors, std::move(channel->second), std::move(line->second));
  }
  if (pid_ < 0) return;
  channel_ = std::move(channel->first);
  line_ = std::move(line->first);
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

KeeperProcess::~KeeperProcess() {
  if (pid_ <= 0) return;
  line_.reset();
  pollfd end{pidfd_.get(), POLLIN, 0};
  if (!pidfd_ || ::poll(&end, 1, stop_patience_ms) == 0) ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void KeeperProcess::become_keeper(const server::Config& config, const rlimit& descriptors,
                                  Fd channel, Fd line) const {
  const int tell = ::fcntl(line.get(), F_DUPFD_CLOEXEC, 0);
  log::divert([tell](log::Level level, std::string_view, std::string_view text) {
    const iovec words{const_cast<char*>(text.data()), text.size()};
    if (level >= log::Level::warn) send_packet(tell, {&words, 1}, {});
  });
  warm::Keeper keeper(
      std::move(channel), std::move(line),
      [&config](const warm::Subject& subject) { return server::warm_wish(config, subject); },
      warm::find_library(), descriptors);
  ::_exit(keeper.run());
}

std::expected<void, std::string> KeeperProcess::boot(const warm::Subject& subject) {
  const auto lost = [] {
    return std::unexpected("no keeper could be started: " + errno_text(errno));
  };
  auto news = open_pair();
  using Kind = warm::Note::Kind;
  if (!channel_ || !news ||
      !warm::send_note(channel_.get(), {.kind = Kind::subscribe}, news->second.get()) ||
      !warm::send_note(channel_.get(), {.kind = Kind::wanted, .subject = subject}))
    return lost();
  news->second.reset();
  const auto deadline = Clock::now() + boot_patience;
  std::array<pollfd, 2> watched{{{news->first.get(), POLLIN, 0}, {line_.get(), POLLIN, 0}}};
  while (wait(watched, deadline)) {
    // Whatever keeps it from being one, it warns of.
    if (std::string why = complaint(); !why.empty()) return std::unexpected(std::move(why));
    std::array<char, warm::note_bytes_max> room;
    const auto packet = receive_packet(news->first.get(), room);
    const auto note = packet ? warm::unpack(packet->bytes) : std::nullopt;
    if (note && note->kind == Kind::zygote && note->subject == subject) return {};
    if (((watched[0].revents | watched[1].revents) & POLLHUP) != 0)
      return std::unexpected("the keeper of warm programs has died");
  }
  return std::unexpected("no zygote was ready within " +
                         std::to_string(boot_patience.count() / 1000) + " s");
}

std::string KeeperProcess::complaint() {
  std::array<char, warm::note_bytes_max> room;
  std::string last;
  while (const auto packet = receive_packet(line_.get(), room))
    last = packet->bytes;
  return last;
}

}  // namespace cgisrv::exec
