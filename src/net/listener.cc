#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/fsuid.h>
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

bool is_wanted(id_t wanted, id_t own) {
  return wanted == SocketRights::unchanged || wanted == own;
}

// Gives a unix socket's file away; 0, or an errno. Whoever may rename files in its folder could
// have put another one there since bind(2): what is given is what was examined, and no more than a
// socket of ours that has no second name.
int give_away(const Address& address, const SocketRights& rights) {
  const Fd file(::open(address.host().c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return errno;
  if (is_wanted(rights.owner, status.st_uid) && is_wanted(rights.group, status.st_gid)) return 0;
  if (!S_ISSOCK(status.st_mode) || status.st_uid != ::geteuid() || status.st_nlink != 1)
    return ESTALE;
  return ::fchownat(file.get(), "", rights.owner, rights.group, AT_EMPTY_PATH) == 0 ? 0 : errno;
}

// 0, or an errno. Nobody can connect before listen(2).
int bind_with(const Fd& socket, const Address& address, const SocketRights& rights) {
  // No chmod(2) afterwards: it could hit another file by then. The group that root sets needs no
  // right to give files away, which a service lacks.
  const mode_t mask = ::umask(0777 & ~rights.mode);
  const auto group = static_cast<gid_t>(::setfsgid(rights.group));
  const int error = ::bind(socket.get(), address.data(), address.size()) == 0 ? 0 : errno;
  ::setfsgid(group);
  ::umask(mask);
  if (error != 0 || address.family() != AF_UNIX) return error;
  const int refused = give_away(address, rights);
  if (refused != 0) unlink_socket(address);
  return refused;
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
      case EPERM:
        return fmt::format(
            "no permission to give {} to another user or group; start as root (a service also "
            "needs CAP_CHOWN), or name a group that this user belongs to",
            address.text());
      case ESTALE:
        return fmt::format(
            "{} was replaced by another file; choose a folder that nobody else may write to",
            address.text());
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

Result<Listener> listen(std::string_view text, const SocketRights& rights) {
  auto address = parse_address(text);
  if (!address) return std::unexpected(address.error());
  Fd socket = make_socket(*address);
  if (!socket) return bind_failure(errno, *address);
  if (address->family() == AF_UNIX) remove_stale(*address);
  prepare(socket.get());
  if (const int error = bind_with(socket, *address, rights); error != 0)
    return bind_failure(error, *address);
  if (::listen(socket.get(), 65535) != 0)  // cut to net.core.somaxconn
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

bool has_rights(const Address& address, const SocketRights& rights) {
  if (address.family() != AF_UNIX) return true;
  struct stat file {};
  if (::lstat(address.host().c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return true;
  return (file.st_mode & 0777) == rights.mode && is_wanted(rights.owner, file.st_uid) &&
         is_wanted(rights.group, file.st_gid);
}

void unlink_socket(const Address& address) {
  if (address.family() == AF_UNIX) ::unlink(address.host().c_str());
}

}  // namespace cgisrv::net
