#include "http2/serve.h"

#include <memory>
#include <utility>

#include "http2/session.h"

namespace cgisrv::http2 {

void serve(connection::Connections& connections, connection::Client client, std::string_view read) {
  connections.add(std::make_unique<Session>(connections, std::move(client), read));
}

}  // namespace cgisrv::http2
