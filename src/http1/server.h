// The connections of one process: those of HTTP/1.1 are made here.
#pragma once

#include <cgisrv/pool.h>

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "connection/client.h"
#include "connection/connections.h"
#include "proxy/proxy_header.h"

namespace cgisrv::http1 {

class Server final : public connection::Connections {
 public:
  using Connections::Connections;

  // Takes a connection whose client begins with the preface of HTTP/2; `read`: all that has come,
  // which begins with it.
  using TakeOver = std::function<void(connection::Client client, std::string_view read)>;
  // From now on such a client is answered, on listeners that are in the clear and allow it.
  void hand_over_http2(std::function<bool(unsigned listener)> is_allowed, TakeOver take_over) {
    is_http2_allowed_ = std::move(is_allowed);
    take_over_ = std::move(take_over);
  }

  // `transport`: null, or what is between us and the socket. `proxied`: null, or what the PROXY
  // protocol says of the client.
  void accepted(pool::Connection connection, std::unique_ptr<net::Transport> transport = {},
                std::unique_ptr<proxy::Proxied> proxied = {});

  // ---- for connections
  bool may_speak_http2(unsigned listener) const {
    return take_over_ && is_http2_allowed_(listener);
  }
  void turn_to_http2(connection::Client client, std::string_view read) {
    take_over_(std::move(client), read);
  }

 private:
  std::function<bool(unsigned listener)> is_http2_allowed_;
  TakeOver take_over_;
};

}  // namespace cgisrv::http1
