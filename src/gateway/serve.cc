#include "gateway/serve.h"

#include <memory>
#include <utility>

#include "gateway/fastcgi_session.h"

namespace cgisrv::gateway {

void serve(connection::Connections& connections, connection::Client client,
           const config::Listen& listen) {
  connections.add(std::make_unique<FastcgiSession>(connections, std::move(client), listen));
}

}  // namespace cgisrv::gateway
