#include "server/address_url.h"

#include <fmt/format.h>

namespace cgisrv::server {

std::string address_url(const net::Address& address) {
  if (address.family() == AF_UNIX) return address.text();
  const std::string host = address.host();
  if (host == "::" || host == "0.0.0.0") return fmt::format("http://localhost:{}/", address.port());
  return fmt::format("http://{}/", address.text());
}

}  // namespace cgisrv::server
