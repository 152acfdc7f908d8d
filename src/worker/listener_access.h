// Who may connect to a listener, asked before a byte is read: `allow` of [[listen]], and where it
// has proxy_protocol, trusted_proxies too.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/pool.h>

#include <chrono>
#include <string_view>

#include "access/address_set.h"
#include "access/peer.h"
#include "base/rare_lines.h"
#include "config/forward.h"

namespace cgisrv::worker {

class ListenerAccess {
 public:
  // `trusted_proxies` outlives it.
  explicit ListenerAccess(const access::AddressSet& trusted_proxies)
      : trusted_proxies_(trusted_proxies) {}

  // Whether whoever has connected may; behind a proxy this is the proxy. The log names who may not.
  bool lets_in(const config::ListenerOptions& listen, const pool::Connection& connection,
               TimePoint now);

 private:
  void tell(const config::ListenerOptions& listen, const access::Peer& peer, std::string_view list,
            TimePoint now);

  const access::AddressSet& trusted_proxies_;
  log::RareLines lines_{std::chrono::seconds(10)};
};

}  // namespace cgisrv::worker
