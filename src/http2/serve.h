// The door of this room: a connection whose client speaks HTTP/2.
#pragma once

#include <string_view>

#include "connection/client.h"
#include "connection/connections.h"

namespace cgisrv::http2 {

// `read`: what was read from the client already. Closes the connection where there is no nghttp2.
void serve(connection::Connections& connections, connection::Client client, std::string_view read);

}  // namespace cgisrv::http2
