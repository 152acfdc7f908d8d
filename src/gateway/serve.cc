#include "gateway/serve.h"

#include <memory>
#include <utility>

#include "gateway/fastcgi_session.h"
#include "gateway/scgi_session.h"

namespace cgisrv::gateway {

void serve(connection::Connections& connections, connection::Client client,
           const config::ListenerOptions& listen) {
  if (listen.protocol == config::Protocol::scgi)
    connections.add(std::make_unique<ScgiSession>(connections, std::move(client), listen));
  else
    connections.add(std::make_unique<FastcgiSession>(connections, std::move(client), listen));
}

}  // namespace cgisrv::gateway
