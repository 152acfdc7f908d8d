// The server that a location passes its requests to, as configured.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::backend {

enum class Protocol : std::uint8_t { fastcgi, scgi };

constexpr std::string_view name_of(Protocol protocol) {
  return protocol == Protocol::fastcgi ? "FastCGI" : "SCGI";
}

struct Target {
  Protocol protocol = Protocol::fastcgi;
  std::string address;  // read by net::parse_address, or "HOST:PORT"; empty: there is none
  // Of a host's name, see config::look_up_backends(): what it stands for, best first.
  std::vector<std::string> looked_up{};
  unsigned keep_connections = 0;  // idle ones of a worker; of FastCGI alone

  explicit operator bool() const { return !address.empty(); }
  // Where it may be reached, for net::parse_address. To be tried in this order.
  std::span<const std::string> addresses() const {
    return looked_up.empty() ? std::span(&address, 1) : std::span(looked_up);
  }
};

}  // namespace cgisrv::backend
