#include "proxy/proxied.h"

namespace cgisrv::proxy {

Proxied proxied_by(const access::Peer& proxy, const ProxyHeader& header) {
  Proxied made{.client = proxy,
               .ends = {},
               .proxy_address =
                   proxy.kind == access::Peer::Kind::ip ? proxy.ip.text() : std::string("unix")};
  if (header.is_of_proxy) return made;
  made.client.is_local = false;
  made.client.kind = access::Peer::Kind::unknown;  // until the header names it
  if (!header.ends) return made;
  const access::Ip& ip = header.ends->client.ip;
  if (ip.is_loopback() && !proxy.is_local) return made;
  made.client = access::Peer::of(ip, ip.is_loopback());
  made.ends = header.ends;
  return made;
}

}  // namespace cgisrv::proxy
