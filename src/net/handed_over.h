// Listening sockets that a service manager has opened for us: sd_listen_fds(3), systemd.socket(5).
#pragma once

#include <cgisrv/fd.h>

#include <string>
#include <string_view>
#include <vector>

#include "net/listener.h"

namespace cgisrv::net {

// What stands before the name of such a socket where an address may stand.
inline constexpr std::string_view handed_over_prefix = "fd:";

class HandedOver {
 public:
  HandedOver() = default;
  // Those of LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; none where these are not meant for this
  // process. The variables are taken out of the environment, so that no program takes our sockets
  // for its own. Call it once, before descriptors are opened. `first`: SD_LISTEN_FDS_START.
  static HandedOver take(int first = 3);

  // All sockets of that name: a socket unit gives one name to all of its. A number is that of a
  // descriptor, where none has it for a name. Ready for use as those of net::listen(). An error
  // says which ones there are, or why one cannot be used.
  Result<std::vector<Listener>> claim(std::string_view name);
  // Closes what nobody has claimed, and says what that was: "web (127.0.0.1:80)".
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
