#include "pool/channel.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/check.h"

namespace cgisrv::pool {

Channel::Channel(Loop& loop, Fd socket, Callback ready)
    : socket_(loop, std::move(socket), EPOLLIN | EPOLLRDHUP, ready) {}

std::optional<std::pair<Fd, Fd>> Channel::open() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return std::nullopt;
  return std::pair{Fd(ends[0]), Fd(ends[1])};
}

std::optional<std::string_view> Channel::receive() {
  if (!socket_) return std::nullopt;
  if (std::exchange(wants_room_, false)) {
    socket_.modify(EPOLLIN | EPOLLRDHUP);
    send_unsent();
  }
  const ssize_t size = ::recv(socket_.get(), received_.data(), received_.size(), MSG_DONTWAIT);
  if (size > 0) return std::string_view(received_.data(), static_cast<std::size_t>(size));
  if (size == 0 || (errno != EAGAIN && errno != EINTR)) ended_ = true;
  return std::nullopt;
}

bool Channel::send(std::string_view packet) {
  if (unsent_.empty() && try_send(packet)) return true;
  // Watched for only now, since everything that the other end reads makes room.
  if (socket_ && !std::exchange(wants_room_, true)) socket_.modify(EPOLLIN | EPOLLRDHUP | EPOLLOUT);
  return false;
}

void Channel::post(std::string_view packet) {
  if (!send(packet)) unsent_.emplace_back(packet);
}

void Channel::send_unsent() {
  while (!unsent_.empty() && try_send(unsent_.front()))
    unsent_.pop_front();
  if (!unsent_.empty() && !std::exchange(wants_room_, true))
    socket_.modify(EPOLLIN | EPOLLRDHUP | EPOLLOUT);
}

bool Channel::try_send(std::string_view packet) const {
  CGISRV_CHECK(packet.size() <= packet_bytes_max);
  return socket_ && ::send(socket_.get(), packet.data(), packet.size(),
                           MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(packet.size());
}

}  // namespace cgisrv::pool
