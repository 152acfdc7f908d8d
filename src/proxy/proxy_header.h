// The header of the PROXY protocol, versions 1 and 2, that a proxy sends before what its client
// says (haproxy.org, doc/proxy-protocol.txt). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "access/ip.h"
#include "access/peer.h"

namespace cgisrv::proxy {

inline constexpr std::size_t line_bytes_max = 107;  // of version 1, with CRLF: section 2.1
inline constexpr std::size_t fixed_bytes = 16;      // of version 2, before its addresses
// Of version 2, the fields that we ignore included. The protocol allows 64 KiB.
inline constexpr std::size_t header_bytes_max = 4096;

struct End {
  access::Ip ip;
  std::uint16_t port = 0;
};

// Who connected to the proxy, and where.
struct Ends {
  End client, server;
};

struct ProxyHeader {
  enum class State : std::uint8_t { incomplete, complete, malformed };
  State state = State::incomplete;
  // incomplete: how many bytes there have to be, at least, to know more.
  // complete: of the header. What follows is the client's.
  std::size_t bytes = 0;
  // The proxy connects for itself (LOCAL), as for a check of health. Only if complete.
  bool is_of_proxy = false;
  // Nothing: LOCAL, or a client that has no address of the internet (UNKNOWN, a unix socket).
  std::optional<Ends> ends;
  std::string_view problem;  // malformed: "it does not begin with ..."; static storage
};

// `bytes` is all that has arrived. What is malformed is told as soon as that is certain. Fields of
// version 2 after the addresses (TLV) are ignored.
ProxyHeader parse_proxy_header(std::string_view bytes);

// A connection whose client is named by such a header.
struct Proxied {
  access::Peer client;
  std::optional<Ends> ends;   // as the header has them; nothing: those of the connection hold
  std::string proxy_address;  // who connected: its address, or "unix"
  // It sets or removes X-Request-ID in each request; other fields are the client's own.
  bool names_requests = false;
};

// What a whole header of `proxy` says. LOCAL is the proxy itself. If the client's address is not
// told, the proxy's stands for it, but it is not local. A loopback address named by a proxy on
// another machine means that machine.
Proxied proxied_by(const access::Peer& proxy, const ProxyHeader& header);

}  // namespace cgisrv::proxy
