#include "access/peer.h"

namespace cgisrv::access {

Peer Peer::from_kernel(const sockaddr_storage& storage) {
  if (const auto ip = Ip::from_kernel(storage)) return of(*ip, ip->is_loopback());
  return {Kind::unix_socket, {}, true};
}

std::optional<Peer> Peer::parse(std::string_view text) {
  if (text == "unix") return local();
  const auto ip = Ip::parse(text == "local" ? "127.0.0.1" : text);
  return ip ? std::optional(of(*ip, ip->is_loopback())) : std::nullopt;
}

std::string Peer::text() const {
  switch (kind) {
    case Kind::ip:
      return ip.text();
    case Kind::unix_socket:
      return "a client on a unix socket";
    case Kind::unknown:
      break;
  }
  return "an unknown client";
}

}  // namespace cgisrv::access
