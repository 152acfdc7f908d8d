#include "control/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>

#include "base/text.h"
#include "control/unix_address.h"

namespace cgisrv::control {

namespace {
constexpr timeval timeout{.tv_sec = 5, .tv_usec = 0};  // for sending
}  // namespace

Result<Client> Client::connect(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  Client client;
  client.socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!client.socket_) return fail_errno(errno, "making a socket for {}", path);
  const int socket = client.socket_.get();
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return fail_errno(errno, "connecting to {}", path);
  ucred peer{};
  socklen_t size = sizeof peer;
  // No pid: the server is in another pid namespace.
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0)
    client.process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
  return client;
}

Result<Answer> Client::ask(std::string_view verb, std::chrono::seconds answer_timeout) {
  const timeval limit{.tv_sec = answer_timeout.count(), .tv_usec = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const std::string line = std::string(verb) + "\n";
  if (::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0)
    return fail_errno(errno, "asking the server");
  std::string received;
  std::array<char, 16384> bytes;
  for (ssize_t size; (size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0)) != 0;) {
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return fail("the server does not answer");
    if (size < 0) return fail_errno(errno, "reading the server's answer");
    received.append(bytes.data(), static_cast<std::size_t>(size));
  }
  Answer answer;
  const auto end = received.find('\n');
  const auto status = text::parse_number<int>(std::string_view(received).substr(0, end));
  if (end == received.npos || !status) return fail("the server ended before it had answered");
  answer.status = *status;
  answer.text = received.substr(end + 1);
  return answer;
}

bool Client::wait_for_end() const {
  if (!process_) return false;
  pollfd ended{.fd = process_.get(), .events = POLLIN, .revents = 0};
  while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
  }
  return true;
}

}  // namespace cgisrv::control
