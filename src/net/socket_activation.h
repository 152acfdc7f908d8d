// Listening sockets that a service manager has opened for us: sd_listen_fds(3), systemd.socket(5).
#pragma once

#include <cgisrv/fd.h>

#include <string>
#include <string_view>
#include <vector>

#include "net/listener.h"

namespace cgisrv::net {

// The prefix of such a socket's name where an address is expected.
inline constexpr std::string_view activation_prefix = "fd:";

class SocketActivation {
 public:
  SocketActivation() = default;
  // The sockets of LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; none if these are for another
  // process. Removes the variables from the environment, so that no program takes our sockets for
  // its own. Call it once, before opening descriptors. `first`: SD_LISTEN_FDS_START.
  static SocketActivation take(int first = 3);

  // All sockets of that name: a socket unit gives one name to all of its sockets. A number means a
  // descriptor, unless some socket has it for a name. Set up as by net::listen(). An error says
  // which sockets there are, or why one cannot be used.
  Result<std::vector<Listener>> claim(std::string_view name);
  // Closes unclaimed sockets and returns their names: "web (127.0.0.1:80)".
  std::vector<std::string> close_rest();

 private:
  struct Socket {
    std::string name;
    int number = -1;  // of the descriptor
    Fd fd;            // none: claimed
  };
  std::string names() const;

  std::vector<Socket> sockets_;
};

}  // namespace cgisrv::net
