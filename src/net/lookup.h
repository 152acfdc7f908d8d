// Looks up the name of a host: in /etc/hosts, by DNS, and where else nsswitch.conf(5) says.
#pragma once

#include <cgisrv/fd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "process/privileges.h"

namespace cgisrv::net {

struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const HostPort&) const = default;
};

// "php:9000". Nothing: that is no name of a host with a port. The last part of a name has a letter,
// so that 10.0.1 stays what it is, a mistake.
std::optional<HostPort> parse_host_port(std::string_view text);

// As parse_address() reads them, best first (RFC 6724); or why there are none.
inline constexpr std::size_t addresses_max = 8;
using Addresses = Result<std::vector<std::string>>;

// A child process that asks for names: libc blocks for as long as it likes, and reads what comes
// from the network. Only for a process that has no threads.
class Lookup {
 public:
  // The child has those rights.
  static Result<Lookup> begin(std::vector<HostPort> wanted, const process::Privileges& privileges);
  Lookup(Lookup&&) noexcept = default;
  Lookup& operator=(Lookup&&) = delete;
  ~Lookup() { end(); }

  // Readable when there is something to read().
  int fd() const { return pipe_.get(); }
  // Reads what is there, and never waits. True: that is all that will come.
  bool read();
  // Ends the child. Of each name in the order of `wanted`, as far as answers have come.
  std::vector<Addresses> end();

 private:
  Lookup(std::vector<HostPort> wanted, Fd pipe, Fd child)
      : wanted_(std::move(wanted)), pipe_(std::move(pipe)), child_(std::move(child)) {}

  std::vector<HostPort> wanted_;
  Fd pipe_;
  Fd child_;  // its pidfd: others in this process may reap it first
  std::string answer_;
  bool is_whole_ = false;
};

}  // namespace cgisrv::net
