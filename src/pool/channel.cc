#include "pool/channel.h"

#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "base/check.h"
#include "base/packet.h"

namespace cgisrv::pool {

namespace {
constexpr std::uint32_t usual_events = EPOLLIN | EPOLLRDHUP;
constexpr std::chrono::milliseconds retry_delay{100};
}  // namespace

Channel::Channel(Loop& loop, Fd socket, WatchCallback ready, Callback maybe_room)
    : socket_(loop, std::move(socket), usual_events, ready),
      retry_(std::make_unique<Timer>(loop, maybe_room)) {}

std::optional<std::pair<Fd, Fd>> Channel::open() {
  return open_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);
}

std::optional<std::string_view> Channel::receive() {
  if (!socket_) return std::nullopt;
  if (std::exchange(wants_room_, false)) {
    socket_.modify(usual_events);
    send_unsent();
  }
  const ssize_t size = ::recv(socket_.get(), received_.data(), received_.size(), MSG_DONTWAIT);
  if (size > 0) return std::string_view(received_.data(), static_cast<std::size_t>(size));
  if (size == 0 || (errno != EAGAIN && errno != EINTR)) ended_ = true;
  return std::nullopt;
}

bool Channel::send(std::string_view packet) {
  if (unsent_.empty() && try_send(packet)) return true;
  wait_for_room(errno);
  return false;
}

void Channel::post(std::string_view packet) {
  if (!send(packet)) unsent_.emplace_back(packet);
}

void Channel::send_unsent() {
  while (!unsent_.empty() && try_send(unsent_.front()))
    unsent_.pop_front();
  if (!unsent_.empty()) wait_for_room(errno);
}

// Only watched now, since everything that the other end reads makes room. If there is room and the
// kernel is short of memory (ENOBUFS, ENOMEM), the socket would be ready in every turn.
void Channel::wait_for_room(int reason) {
  if (!socket_ || std::exchange(wants_room_, true)) return;
  if (reason == EAGAIN)
    socket_.modify(usual_events | EPOLLOUT);
  else
    retry_->arm_after(retry_delay);
}

bool Channel::try_send(std::string_view packet) const {
  CGISRV_CHECK(packet.size() <= packet_bytes_max);
  return socket_ && ::send(socket_.get(), packet.data(), packet.size(),
                           MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(packet.size());
}

}  // namespace cgisrv::pool
