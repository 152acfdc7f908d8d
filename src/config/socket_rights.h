// Who may connect to a unix socket that the server makes itself.
#pragma once

#include "config/forward.h"
#include "net/listener.h"

namespace cgisrv::config {

// As the listener's `mode`, `owner` and `group` say. By default everybody may speak HTTP there, but
// not every user of the machine is to name programs: a socket for web servers is for the server's
// own user and group.
net::SocketRights socket_rights(const ListenerOptions& listen, const ServerOptions& server);

}  // namespace cgisrv::config
