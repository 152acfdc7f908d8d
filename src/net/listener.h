// Listening sockets.
#pragma once

#include <cgisrv/fd.h>
#include <sys/types.h>

#include <string_view>

#include "net/address.h"

namespace cgisrv::net {

struct Listener {
  Fd socket;
  Address address;         // with the real port if 0 was configured
  bool activated = false;  // by a service manager: a unix socket's file is not ours to remove
};

// Of a unix socket's file: who may write to it may connect.
struct SocketRights {
  static constexpr uid_t unchanged = static_cast<uid_t>(-1);  // as for chown(2)
  mode_t mode = 0666;  // every local user, as at a loopback port
  uid_t owner = unchanged;
  gid_t group = unchanged;
};

// Binds and listens; non-blocking, close-on-exec, TCP_NODELAY for accepted sockets. A unix socket
// left behind by a dead server is replaced; one that still answers is not. Nobody can ever connect
// to a unix socket whom its rights keep out. Errors say what to do; their code is EADDRINUSE,
// EADDRNOTAVAIL, EACCES, EPERM, ...
Result<Listener> listen(std::string_view address, const SocketRights& rights = {});

// Whether a unix socket's file has exactly these rights; true where there is none.
bool has_rights(const Address& address, const SocketRights& rights);

// What keeps listen() from opening it here and now, an errno; 0: nothing that can be known without
// listening there.
int listen_error(const Address& address);

// Sets up an inherited listening socket as listen() would: non-blocking, and so on.
void prepare(int socket);

// Takes a socket that another process has opened, unchanged. Fails if it does not listen.
Result<Listener> adopt(Fd socket);

// Removes a unix socket's file; nothing for the other families.
void unlink_socket(const Address& address);

}  // namespace cgisrv::net
