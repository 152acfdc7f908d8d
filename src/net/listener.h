// Listening sockets.
#pragma once

#include <cgisrv/fd.h>

#include <string_view>

#include "net/address.h"

namespace cgisrv::net {

struct Listener {
  Fd socket;
  Address address;           // with the real port where 0 was asked for
  bool handed_over = false;  // by a service manager: a unix socket's file is not ours to remove
};

// Every local user may connect to a unix socket, as to a loopback port: a folder that few may enter
// says otherwise. Binds and listens; non-blocking, close-on-exec, TCP_NODELAY for what it accepts.
// A unix socket left behind by a server that is gone is replaced; one that still answers is not.
// Errors say what to do; their code is EADDRINUSE, EADDRNOTAVAIL, EACCES, ...
Result<Listener> listen(std::string_view address);

// Makes a socket that listens what listen() would have made of it: non-blocking, and so on.
void prepare(int socket);

// One that another process has opened; it stays as it was made. Fails where it is none.
Result<Listener> adopt(Fd socket);

// Removes a unix socket's file; nothing for the other families.
void unlink_socket(const Address& address);

}  // namespace cgisrv::net
