#include "http1/server.h"

#include "http1/connection.h"

namespace cgisrv::http1 {

void Server::accepted(pool::Connection connection, std::unique_ptr<net::Transport> transport,
                      std::unique_ptr<proxy::Proxied> proxied) {
  host().connection_accepted();
  add(std::make_unique<Connection>(
      *this,
      connection::Client(*this, std::move(connection), std::move(transport), std::move(proxied))));
}

}  // namespace cgisrv::http1
