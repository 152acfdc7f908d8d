#include "admin/one_line_server.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace cgisrv::admin {

namespace {
constexpr auto retry_delay = std::chrono::milliseconds(100);
constexpr auto linger_timeout = std::chrono::seconds(1);
}  // namespace

OneLineServer::Client::Client(OneLineServer& server, Fd connection)
    : owner(server),
      socket(server.loop_, std::move(connection), EPOLLIN,
             WatchCallback::of<&Client::readable>(*this)),
      since(server.loop_.now()) {}

void OneLineServer::Client::readable() {
  std::array<char, 1024> dropped;
  const ssize_t size = ::recv(socket.get(), dropped.data(), dropped.size(), MSG_DONTWAIT);
  if (size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR))) return;
  owner.clients_.erase(self);
}

OneLineServer::OneLineServer(Loop& loop, Fd listener, std::function<std::string()> line)
    : loop_(loop),
      listener_(std::move(listener)),
      line_(std::move(line)),
      again_(loop, Callback::of<&OneLineServer::watch>(*this)),
      patience_(loop, Callback::of<&OneLineServer::let_go>(*this)) {
  watch();
}

void OneLineServer::watch() {
  listener_watch_ = Watch(loop_, listener_.get(), EPOLLIN,
                          WatchCallback::of<&OneLineServer::connection_waits>(*this));
  if (!listener_watch_) again_.arm_after(retry_delay);
}

void OneLineServer::connection_waits() {
  Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) {
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
    listener_watch_.cancel();
    return again_.arm_after(retry_delay);
  }
  // A new socket has room for a line.
  const std::string line = line_() + "\n";
  ::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(socket.get(), SHUT_WR);
  if (clients_.size() >= clients_max) clients_.pop_front();
  Client& client = clients_.emplace_back(*this, std::move(socket));
  client.self = std::prev(clients_.end());
  if (!client.socket) return clients_.pop_back();
  if (!patience_.armed()) patience_.arm_after(linger_timeout);
}

void OneLineServer::let_go() {
  while (!clients_.empty() && loop_.now() - clients_.front().since >= linger_timeout)
    clients_.pop_front();
  if (!clients_.empty()) patience_.arm(clients_.front().since + linger_timeout);
}

}  // namespace cgisrv::admin
