#include "master/address_url.h"

#include <fmt/format.h>

#include "config/listener_options.h"

namespace cgisrv::master {

namespace {

std::string_view scheme(bool tls) {
  return tls ? "https" : "http";
}

}  // namespace

std::string address_url(const net::Address& address, bool tls) {
  if (address.is_unix()) return address.text();
  if (address.every_interface())
    return fmt::format("{}://localhost:{}/", scheme(tls), address.port());
  return fmt::format("{}://{}/", scheme(tls), address.text());
}

std::string listener_text(const net::Address& address, const config::ListenerOptions& options) {
  if (!options.is_gateway()) return address_url(address, options.tls);
  return fmt::format("{} ({})", address.text(),
                     options.protocol == config::Protocol::scgi ? "SCGI" : "FastCGI");
}

std::vector<std::string> urls_for_others(const net::Address& address, bool tls,
                                         std::span<const net::Address> interfaces) {
  std::vector<std::string> urls;
  if (!address.every_interface()) return urls;
  for (const net::Address& each : interfaces) {
    if (each.family() != AF_INET && address.family() != AF_INET6)
      continue;  // a listener for IPv6 takes IPv4 too
    const auto host = each.family() == AF_INET ? each.host() : fmt::format("[{}]", each.host());
    urls.push_back(fmt::format("{}://{}:{}/", scheme(tls), host, address.port()));
  }
  return urls;
}

}  // namespace cgisrv::master
