#include "config/descriptors.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/server_options.h"

namespace cgisrv::config {

namespace {
constexpr rlim_t of_a_worker = 64;
}  // namespace

rlim_t descriptors_for(unsigned connections) {
  return of_a_worker + connections + connections / 4;
}

unsigned connections_within(rlim_t descriptors) {
  const rlim_t rest = descriptors > 2 * of_a_worker ? descriptors - of_a_worker : descriptors / 2;
  return static_cast<unsigned>(std::clamp<rlim_t>(rest / 5 * 4, 1, 1'000'000));
}

unsigned connections_wanted(const ServerOptions& options, const rlimit& limit) {
  if (options.worker_connections != 0) return options.worker_connections;
  return std::min(connections_automatic_max, connections_within(limit.rlim_max));
}

unsigned connections_allowed(const ServerOptions& options, const rlimit& limit) {
  return std::min(connections_wanted(options, limit), connections_within(limit.rlim_max));
}

std::string connections_lacking(const ServerOptions& options, const rlimit& limit) {
  const unsigned wanted = options.worker_connections;
  const unsigned allowed = connections_allowed(options, limit);
  if (wanted <= allowed) return {};
  return fmt::format(
      "worker_connections is {}, but the limit of open descriptors, {}, is enough for {} "
      "connections of each worker: raise it to {} (ulimit -Hn, LimitNOFILE= of the unit), or lower "
      "worker_connections",
      wanted, limit.rlim_max, allowed, descriptors_for(wanted));
}

}  // namespace cgisrv::config
