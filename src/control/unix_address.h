// A path as sockaddr_un, unix(7).
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/result.h"

namespace cgisrv::control {

inline Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof address.sun_path)
    return fail_errno(ENAMETOOLONG, "a socket's path has at most {} bytes: {}",
                      sizeof address.sun_path - 1, path);
  std::ranges::copy(path, address.sun_path);
  return address;
}

}  // namespace cgisrv::control
