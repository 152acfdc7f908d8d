// Looks up the name of a host: in /etc/hosts, by DNS, and where else nsswitch.conf(5) says.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "process/privileges.h"

namespace cgisrv::net {

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

// "php:9000". Nothing: that is no name of a host with a port. The last part of a name has a letter,
// so that 10.0.1 stays what it is, a mistake.
std::optional<HostPort> parse_host_port(std::string_view text);

// Its addresses, best first (RFC 6724), at most `addresses_max` of them, as parse_address() reads
// them. Blocks for `time` at most: libc itself may take much longer. So a child process asks, with
// those rights, since it reads what comes from the network. Only for a process that has no threads.
inline constexpr std::size_t addresses_max = 8;
Result<std::vector<std::string>> look_up(const HostPort& wanted, std::chrono::milliseconds time,
                                         const process::Privileges& privileges);

}  // namespace cgisrv::net
