#include "exec/zygote_manager_process.h"

#include <cgisrv/parent_only.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "base/log.h"
#include "base/packet.h"
#include "base/result.h"
#include "config/warm_programs.h"
#include "process/child.h"
#include "warm/boot.h"
#include "warm/zygote_manager.h"

namespace cgisrv::exec {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Longer than the zygote manager's own timeout, so that it has the last word.
constexpr auto ready_timeout = warm::boot_timeout + std::chrono::seconds(5);
constexpr int stop_timeout_ms = 2000;

// Waits until one of them can be read or has ended.
template <std::size_t count>
bool wait(std::array<pollfd, count>& watched, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  return left > 0 && ::poll(watched.data(), count, static_cast<int>(left)) > 0;
}

}  // namespace

ZygoteManagerProcess::ZygoteManagerProcess(const config::Config& config,
                                           const rlimit& descriptors) {
  auto channel = open_pair();
  auto line = open_pair();
  if (!channel || !line) return;
  pid_ = ::fork();
  if (pid_ == 0) {
    ClosedInChild::close_all();
    channel->first.reset();
    line->first.reset();
    become_zygote_manager(config, descriptors, std::move(channel->second), std::move(line->second));
  }
  if (pid_ < 0) return;
  channel_ = std::move(channel->first);
  line_ = std::move(line->first);
  pidfd_ = process::open_pidfd(pid_);
}

ZygoteManagerProcess::~ZygoteManagerProcess() {
  if (pid_ <= 0) return;
  line_.reset();
  if (!pidfd_ || !process::ends_within(pidfd_.get(), stop_timeout_ms)) ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ZygoteManagerProcess::become_zygote_manager(const config::Config& config,
                                                 const rlimit& descriptors, Fd channel,
                                                 Fd line) const {
  ::prctl(PR_SET_NAME, "cgisrv-zygotes");
  const int tell = ::fcntl(line.get(), F_DUPFD_CLOEXEC, 0);
  log::divert([tell](log::Level level, std::string_view, std::string_view text) {
    const iovec words{const_cast<char*>(text.data()), text.size()};
    if (level >= log::Level::warn) send_packet(tell, {&words, 1}, {});
  });
  warm::ZygoteManager zygote_manager(
      std::move(channel), std::move(line),
      [&config](const warm::ZygoteKey& key) { return config::warm_config_of(config, key); },
      warm::find_library(), descriptors);
  ::_exit(zygote_manager.run());
}

std::expected<void, std::string> ZygoteManagerProcess::boot(const warm::ZygoteKey& key) {
  const auto lost = [] {
    return std::unexpected("no zygote manager could be started: " + errno_text(errno));
  };
  auto news = open_pair();
  using Kind = warm::ManagerMessage::Kind;
  if (!channel_ || !news ||
      !warm::send_message(channel_.get(), {.kind = Kind::subscribe}, news->second.get()) ||
      !warm::send_message(channel_.get(), {.kind = Kind::wanted, .key = key}))
    return lost();
  news->second.reset();
  const auto deadline = Clock::now() + ready_timeout;
  std::array<pollfd, 2> watched{{{news->first.get(), POLLIN, 0}, {line_.get(), POLLIN, 0}}};
  while (wait(watched, deadline)) {
    // Its last warning says why there is no zygote.
    if (std::string why = complaint(); !why.empty()) return std::unexpected(std::move(why));
    std::array<char, warm::manager_message_bytes_max> room;
    const auto packet = receive_packet(news->first.get(), room);
    const auto message = packet ? warm::unpack(packet->bytes) : std::nullopt;
    if (message && message->kind == Kind::zygote && message->key == key) return {};
    if (message && message->kind == Kind::refused && message->key == key)
      return std::unexpected(key.file + ": started cold, not warm: " + message->reason);
    if (((watched[0].revents | watched[1].revents) & POLLHUP) != 0)
      return std::unexpected("the zygote manager has died");
  }
  return std::unexpected("no zygote was ready within " + std::to_string(ready_timeout.count()) +
                         " s");
}

std::string ZygoteManagerProcess::complaint() {
  std::array<char, warm::manager_message_bytes_max> room;
  std::string last;
  while (const auto packet = receive_packet(line_.get(), room))
    last = packet->bytes;
  return last;
}

}  // namespace cgisrv::exec
