#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/holder.h"

namespace cgisrv::net {

namespace {

// Accepted sockets inherit it: a client that reads slowly, or not at all, holds no more than this
// of the kernel's memory beyond what is under way to it.
constexpr int unsent_bytes_max = 128 * 1024;

// A unix socket's file outlives its server. Only removes a socket that nobody answers on;
// connect(2) fails in the same way for files that are no sockets.
void remove_stale(const Address& address) {
  struct stat file {};
  if (::lstat(address.host().c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return;
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (probe && ::connect(probe.get(), address.data(), address.size()) != 0 && errno == ECONNREFUSED)
    ::unlink(address.host().c_str());
}

// Set up as far as bind(2) heeds it. None: errno says why.
Fd make_socket(const Address& address) {
  Fd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const int off = 0;
  if (socket && address.family() != AF_UNIX)
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Only the unspecified address includes IPv4.
  if (socket && address.family() == AF_INET6)
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, address.host() == "::" ? &off : &on,
                 sizeof on);
  return socket;
}

std::unexpected<Error> bind_failure(int code, const Address& address) {
  const auto what = [&]() -> std::string {
    switch (code) {
      case EADDRINUSE:
        return in_use(address, holder_of(address));
      case EACCES:
        if (address.family() == AF_UNIX)
          return fmt::format("no permission to make {}; its folder must be writable for this user",
                             address.text());
        return fmt::format(
            "no permission to listen on {}; choose a port from 1024 up, or start as root",
            address.text());
      case ENOENT:
        return fmt::format("{}: its folder does not exist; create it", address.text());
      case EADDRNOTAVAIL:
        return fmt::format("{} is not an address of this machine; choose another", address.text());
      default:
        return fmt::format("cannot listen on {}: {}", address.text(), errno_text(code));
    }
  }();
  return std::unexpected(Error{code, what});
}

}  // namespace

void prepare(int socket) {
  const int on = 1;
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  // A unix socket refuses these.
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max, sizeof unsent_bytes_max);
}

Result<Listener> listen(std::string_view text) {
  auto address = parse_address(text);
  if (!address) return std::unexpected(address.error());
  Fd socket = make_socket(*address);
  if (!socket) return bind_failure(errno, *address);
  if (address->family() == AF_UNIX) remove_stale(*address);
  prepare(socket.get());
  // A unix socket is for everybody. No chmod(2) afterwards: it could hit another file by then.
  const mode_t mask = ::umask(0111);
  const bool bound_there = ::bind(socket.get(), address->data(), address->size()) == 0;
  ::umask(mask);
  if (!bound_there || ::listen(socket.get(), 65535) != 0)  // cut to net.core.somaxconn
    return bind_failure(errno, *address);
  const Address bound = local_address(socket.get());
  return Listener{.socket = std::move(socket), .address = bound};
}

int listen_error(const Address& address) {
  // bind(2) would make the file.
  if (address.family() == AF_UNIX) return listening_socket(address) != 0 ? EADDRINUSE : 0;
  const Fd socket = make_socket(address);
  return socket && ::bind(socket.get(), address.data(), address.size()) != 0 ? errno : 0;
}

Result<Listener> adopt(Fd socket) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0)
    return fail("descriptor {} is no listening socket", socket.get());
  ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  const Address address = local_address(socket.get());
  return Listener{.socket = std::move(socket), .address = address};
}

void unlink_socket(const Address& address) {
  if (address.family() == AF_UNIX) ::unlink(address.host().c_str());
}

}  // namespace cgisrv::net
