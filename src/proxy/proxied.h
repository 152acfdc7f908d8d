// A connection whose client is named by a header of the PROXY protocol. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "access/peer.h"
#include "proxy/proxy_header.h"

namespace cgisrv::proxy {

struct Proxied {
  access::Peer client;
  std::optional<Ends> ends;   // as the header has them; nothing: those of the connection hold
  std::string proxy_address;  // who connected: its address, or "unix"
};

// What a whole header of `proxy` says. LOCAL is the proxy itself. If the client's address is not
// told, the proxy's stands for it, but it is not local. A loopback address named by a proxy on
// another machine means that machine.
Proxied proxied_by(const access::Peer& proxy, const ProxyHeader& header);

}  // namespace cgisrv::proxy
