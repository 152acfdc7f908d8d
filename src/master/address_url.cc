#include "master/address_url.h"

#include <fmt/format.h>

namespace cgisrv::master {

std::string address_url(const net::Address& address) {
  if (address.family() == AF_UNIX) return address.text();
  if (address.every_interface()) return fmt::format("http://localhost:{}/", address.port());
  return fmt::format("http://{}/", address.text());
}

std::vector<std::string> urls_for_others(const net::Address& address,
                                         std::span<const net::Address> interfaces) {
  std::vector<std::string> urls;
  if (!address.every_interface()) return urls;
  for (const net::Address& each : interfaces)  // a listener for IPv6 takes IPv4 too
    if (each.family() == AF_INET || address.family() == AF_INET6)
      urls.push_back(each.family() == AF_INET
                         ? fmt::format("http://{}:{}/", each.host(), address.port())
                         : fmt::format("http://[{}]:{}/", each.host(), address.port()));
  return urls;
}

}  // namespace cgisrv::master
