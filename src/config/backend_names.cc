#include "config/backend_names.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "config/key_lines.h"
#include "config/run_as.h"
#include "net/address.h"

namespace cgisrv::config {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::unexpected<Error> unknown(const Config& config, const Location& location,
                               const std::string& host, const Error& why) {
  const bool is_fastcgi = location.backend.protocol == backend::Protocol::fastcgi;
  const std::string_view key = is_fastcgi ? "fastcgi" : "scgi";
  return fail_as(EHOSTUNREACH,
                 "{}'{}': {}: the host {} cannot be looked up: {}; start what has that name "
                 "first, or write an address, such as \"127.0.0.1:9000\"",
                 place_text(config, find_line(location.lines, {key})), key,
                 location.backend.address, host, why.what);
}

}  // namespace

std::vector<net::HostPort> unknown_backends(const Config& config) {
  std::vector<net::HostPort> names;
  for (const Site& site : config.sites)
    for (const Location& location : site.locations) {
      const backend::Target& target = location.backend;
      const auto wanted = net::parse_host_port(target.address);
      if (!wanted || net::parse_address(target.address) || !target.looked_up.empty()) continue;
      if (std::ranges::find(names, *wanted) == names.end()) names.push_back(*wanted);
    }
  return names;
}

Result<net::Lookup> begin_lookup(const Config& config) {
  return net::Lookup::begin(unknown_backends(config),
                            ::geteuid() == 0 ? privileges_of(config) : process::Privileges{});
}

Result<void> end_lookup(Config& config, net::Lookup lookup) {
  const auto names = unknown_backends(config);
  const auto found = lookup.end();
  for (Site& site : config.sites)
    for (Location& location : site.locations) {
      backend::Target& target = location.backend;
      const auto wanted = net::parse_host_port(target.address);
      if (!wanted || !target.looked_up.empty()) continue;
      const auto at = std::ranges::find(names, *wanted);
      if (at == names.end()) continue;
      const net::Addresses& addresses = found[static_cast<std::size_t>(at - names.begin())];
      if (!addresses) return unknown(config, location, wanted->host, addresses.error());
      target.looked_up = *addresses;
    }
  return {};
}

Result<void> look_up_backends(Config& config) {
  if (unknown_backends(config).empty()) return {};
  auto lookup = begin_lookup(config);
  if (!lookup) return std::unexpected(lookup.error());
  const auto end = steady_clock::now() + lookup_timeout;
  for (bool is_whole = false; !is_whole && steady_clock::now() < end; is_whole = lookup->read()) {
    pollfd waiting{lookup->fd(), POLLIN, 0};
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    ::poll(&waiting, 1, static_cast<int>(std::max(left, milliseconds(0)).count()));
  }
  return end_lookup(config, std::move(*lookup));
}

}  // namespace cgisrv::config
