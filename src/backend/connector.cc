#include "backend/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace cgisrv::backend {

namespace {

constexpr std::chrono::milliseconds try_again_after{10};

}  // namespace

void Connector::begin(std::span<const std::string> addresses) {
  left_ = addresses;
  share_ = std::chrono::milliseconds(timeout) / static_cast<int>(addresses.size());
  error_ = 0;
  try_next();
}

void Connector::try_next() {
  const auto parsed = net::parse_address(left_.front());
  left_ = left_.subspan(1);
  if (!parsed) return decide(EINVAL);
  address_ = *parsed;
  late_.arm_after(share_);
  connect();
}

void Connector::connect() {
  Fd socket(::socket(address_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return decide(errno);
  if (!address_.is_unix()) {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (::connect(socket.get(), address_.data(), address_.size()) == 0) {
    connected_ = std::move(socket);
    return decide(0);
  }
  if (errno == EAGAIN) return again_.arm_after(try_again_after);
  if (errno != EINPROGRESS) return decide(errno);
  socket_ =
      WatchedFd(loop_, std::move(socket), EPOLLOUT, WatchCallback::of<&Connector::writable>(*this));
  if (!socket_) decide(ENOSPC);
}

void Connector::try_again() {
  connect();
}

void Connector::writable() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  connected_ = socket_.release();
  decide(error);
}

void Connector::give_up() {
  decide(socket_ ? ETIMEDOUT : EAGAIN);
}

void Connector::decide(int error) {
  again_.disarm();
  late_.disarm();
  socket_.reset();
  if (error != 0) connected_.reset();
  error_ = error == 0 || error_ == 0 ? error : error_;
  if (error != 0 && error != EMFILE && error != ENFILE && !left_.empty()) return try_next();
  decided_();
}

}  // namespace cgisrv::backend
