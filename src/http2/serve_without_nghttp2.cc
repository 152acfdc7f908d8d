// In place of the rest of this room, where there is no nghttp2. No configuration with HTTP/2 is
// accepted, so this is never called.
#include "http2/serve.h"

namespace cgisrv::http2 {

void serve(connection::Connections&, connection::Client client, std::string_view) {
  client.stream.close();
}

}  // namespace cgisrv::http2
