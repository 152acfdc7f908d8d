// Who is at the other end of a connection.
#pragma once

#include <cgisrv/pool.h>

#include <memory>
#include <string_view>

#include "access/peer.h"
#include "cgi/environment.h"
#include "exchange/client.h"
#include "net/address.h"
#include "net/stream.h"
#include "proxy/proxy_header.h"

namespace cgisrv::connection {

class Connections;

class Client final : public exchange::Client {
 public:
  // `transport`: null, or what is between us and the socket. `proxied`: null, or what the PROXY
  // protocol says of the client.
  Client(const Connections& connections, pool::Connection accepted,
         std::unique_ptr<net::Transport> transport = {},
         std::unique_ptr<proxy::Proxied> proxied = {});

  const cgi::Endpoints& endpoints() override;
  exchange::Reach reach() const override;
  access::Peer peer() const override;
  std::string_view proxy_address() const override {
    return proxied_ ? std::string_view(proxied_->proxy_address) : std::string_view();
  }
  bool proxy_names_requests() const override { return proxied_ && proxied_->names_requests; }
  unsigned listener() const { return accepted_.listener; }
  // That has accepted the connection.
  const net::Address& listener_address() const { return *listener_address_; }

  net::Stream stream;

 private:
  const net::Address* listener_address_;
  pool::Connection accepted_;  // peer, listener, guard; its socket has moved to the stream
  std::unique_ptr<proxy::Proxied> proxied_;
  std::unique_ptr<cgi::Endpoints> ends_;  // made on demand: most connections only wait
};

}  // namespace cgisrv::connection
