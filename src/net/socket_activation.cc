#include "net/socket_activation.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/variable.h"

namespace cgisrv::net {

namespace {

int option(int socket, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

// Why it is no usable listening socket, or nothing.
std::string_view fault_of(int socket) {
  if (option(socket, SO_TYPE) < 0) return "is no socket";
  const int family = option(socket, SO_DOMAIN);
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
    return "is neither a TCP nor a unix socket";
  if (option(socket, SO_TYPE) != SOCK_STREAM) return "is not a stream socket: use ListenStream=";
  if (option(socket, SO_ACCEPTCONN) != 1) return "does not listen: use Accept=no";
  return {};
}

}  // namespace

SocketActivation SocketActivation::take(int first) {
  const auto process = take_variable("LISTEN_PID");
  const int count = text::parse_number<int>(take_variable("LISTEN_FDS")).value_or(0);
  const auto text = take_variable("LISTEN_FDNAMES");
  SocketActivation taken;
  if (text::parse_number<int>(process) != ::getpid()) return taken;
  std::string_view names = text;
  for (int number = first; number - first < count; ++number) {
    const auto end = std::min(names.find(':'), names.size());
    const auto name = names.substr(0, end);
    names.remove_prefix(std::min(end + 1, names.size()));
    if (::fcntl(number, F_SETFD, FD_CLOEXEC) != 0) break;  // fewer exist than were announced
    taken.sockets_.push_back({std::string(name.empty() ? "unknown" : name), number, Fd(number)});
  }
  return taken;
}

std::string SocketActivation::names() const {
  std::vector<std::string> found;
  found.reserve(sockets_.size());
  for (const Socket& socket : sockets_)
    found.push_back(fmt::format("{} (descriptor {})", socket.name, socket.number));
  return found.empty() ? "none was" : fmt::format("there are: {}", fmt::join(found, ", "));
}

Result<std::vector<Listener>> SocketActivation::claim(std::string_view name) {
  const bool has_name =
      std::ranges::any_of(sockets_, [&](auto& each) { return each.name == name; });
  std::vector<Listener> listeners;
  for (Socket& socket : sockets_) {
    if (has_name ? socket.name != name : text::parse_number<int>(name) != socket.number) continue;
    if (!socket.fd) return fail("fd:{}: two listeners cannot have the same socket", name);
    if (const auto fault = fault_of(socket.fd.get()); !fault.empty())
      return fail("fd:{}: what the service manager handed over {}", name, fault);
    prepare(socket.fd.get());
    const Address address = local_address(socket.fd.get());
    listeners.push_back({std::move(socket.fd), address, true});
  }
  if (!listeners.empty()) return listeners;
  return std::unexpected(
      Error{EADDRNOTAVAIL,
            fmt::format("fd:{}: the service manager handed over no socket of that name; {}", name,
                        names())});
}

std::vector<std::string> SocketActivation::close_rest() {
  std::vector<std::string> closed;
  for (Socket& socket : sockets_) {
    if (!socket.fd) continue;
    const bool has_address = fault_of(socket.fd.get()).empty();
    closed.push_back(
        has_address ? fmt::format("{} ({})", socket.name, local_address(socket.fd.get()).text())
                    : socket.name);
    socket.fd.reset();
  }
  return closed;
}

}  // namespace cgisrv::net
