// The door of this room: a connection of a web server that passes requests on.
#pragma once

#include "config/forward.h"
#include "connection/client.h"
#include "connection/connections.h"

namespace cgisrv::gateway {

// `listen`: of the configuration, and outlives the connection.
void serve(connection::Connections& connections, connection::Client client,
           const config::ListenerOptions& listen);

}  // namespace cgisrv::gateway
