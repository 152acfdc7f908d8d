#include "config/backend_names.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <map>

#include "config/key_lines.h"
#include "config/run_as.h"
#include "net/address.h"
#include "net/lookup.h"

namespace cgisrv::config {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds time_in_all{5};

using Found = Result<std::vector<std::string>>;

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

Result<void> look_up_backends(Config& config) {
  const auto end = steady_clock::now() + time_in_all;
  const process::Privileges privileges =
      ::geteuid() == 0 ? privileges_of(config) : process::Privileges{};
  std::map<std::string, Found> known;
  for (Site& site : config.sites)
    for (Location& location : site.locations) {
      backend::Target& target = location.backend;
      const auto wanted = net::parse_host_port(target.address);
      if (!wanted || net::parse_address(target.address) || !target.looked_up.empty()) continue;
      const auto [found, is_new] = known.try_emplace(target.address);
      if (is_new)
        found->second = net::look_up(
            *wanted, std::chrono::ceil<milliseconds>(end - steady_clock::now()), privileges);
      if (!found->second) return unknown(config, location, wanted->host, found->second.error());
      target.looked_up = *found->second;
    }
  return {};
}

}  // namespace cgisrv::config
