// Who is at the other end of a connection, and by which way they came.
#pragma once

#include <cgisrv/pool.h>

#include <memory>
#include <string_view>

#include "access/peer.h"
#include "cgi/environment.h"
#include "exchange/wire.h"
#include "net/address.h"
#include "net/stream.h"
#include "proxy/proxy_header.h"

namespace cgisrv::connection {

class Client {
 public:
  // `transport`: null, or what is between us and the socket. `proxied`: null, or what the PROXY
  // protocol says of the client.
  Client(pool::Connection accepted, std::unique_ptr<net::Transport> transport,
         std::unique_ptr<proxy::Proxied> proxied);

  // `listener`: the address of the one that has accepted.
  const cgi::Endpoints& endpoints(const net::Address& listener);
  access::Peer peer() const;
  std::string_view proxy_address() const {
    return proxied_ ? std::string_view(proxied_->proxy_address) : std::string_view();
  }
  bool proxy_names_requests() const { return proxied_ && proxied_->names_requests; }
  unsigned listener() const { return accepted_.listener; }

  net::Stream stream;

 private:
  pool::Connection accepted_;  // peer, listener, guard; its socket has moved to the stream
  std::unique_ptr<proxy::Proxied> proxied_;
  std::unique_ptr<cgi::Endpoints> ends_;  // made on demand: most connections only wait
};

// That of a listener.
exchange::Reach reach_of(const net::Address& address);

}  // namespace cgisrv::connection
