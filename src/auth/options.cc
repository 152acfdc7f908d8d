#include "auth/options.h"

#include <algorithm>

namespace cgisrv::auth {

bool Options::asks(const access::Peer& client, std::string_view method) const {
  if (is_open || open_to.contains(client)) return false;
  const std::string_view named = method == "HEAD" ? "GET" : method;
  return std::ranges::none_of(
      open_methods, [&](const std::string& open) { return open == method || open == named; });
}

}  // namespace cgisrv::auth
