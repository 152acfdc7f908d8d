// The server that a location passes its requests to, as configured.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cgisrv::backend {

enum class Protocol : std::uint8_t { fastcgi, scgi };

constexpr std::string_view name_of(Protocol protocol) {
  return protocol == Protocol::fastcgi ? "FastCGI" : "SCGI";
}

struct Target {
  Protocol protocol = Protocol::fastcgi;
  std::string address;            // read by net::parse_address; empty: there is none
  unsigned keep_connections = 0;  // idle ones of a worker; of FastCGI alone

  explicit operator bool() const { return !address.empty(); }
};

}  // namespace cgisrv::backend
