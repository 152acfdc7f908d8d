// Who asks, as rules of access see it. Pure.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "access/ip.h"

namespace cgisrv::access {

struct Peer {
  enum class Kind : std::uint8_t {
    unknown,      // somebody whose address is not told: no rule but "all" lets them in
    unix_socket,  // a process of this machine, or of a container that has the socket
    ip,
  };
  Kind kind = Kind::unknown;
  Ip ip;  // of kind ip
  // Certainly a process of this machine: it has a loopback address or a unix socket, and nothing
  // shows that it asks for somebody else.
  bool is_local = false;

  // As accept(2) gives it. A socket of a pair has no address, and counts as a unix socket.
  static Peer from_kernel(const sockaddr_storage& storage);
  static Peer of(const Ip& ip, bool is_local = false) { return {Kind::ip, ip, is_local}; }
  // The administrator of this machine.
  static Peer local() { return {.kind = Kind::unix_socket, .is_local = true}; }

  // "192.0.2.1", "2001:db8::1", "local" or "unix": as if it connected to the server itself.
  static std::optional<Peer> parse(std::string_view text);

  std::string text() const;  // "192.0.2.1", "a client on a unix socket", "an unknown client"
};

}  // namespace cgisrv::access
