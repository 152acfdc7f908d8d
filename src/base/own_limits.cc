#include "base/own_limits.h"

#include <algorithm>

#include "base/log.h"

namespace cgisrv {

OwnLimits::OwnLimits() {
  for (Limit& limit : limits_)
    ::getrlimit(limit.resource, &limit.meant);
}

// A limit that the server's administrator has raised stays.
bool OwnLimits::restore() {
  bool all = true;
  for (Limit& limit : limits_) {
    rlimit now{};
    ::getrlimit(limit.resource, &now);
    const bool is_soft = now.rlim_cur < limit.meant.rlim_cur;
    if (!is_soft && now.rlim_max >= limit.meant.rlim_max) continue;
    const rlimit wanted{std::max(now.rlim_cur, limit.meant.rlim_cur),
                        std::max(now.rlim_max, limit.meant.rlim_max)};
    const bool done = ::setrlimit(limit.resource, &wanted) == 0;
    log::line(log::Level::error,
              "another process has lowered the {}resource limit {} of this one from {} to {}, as "
              "prlimit(1) does; {}",
              is_soft ? "" : "hard ", limit.name,
              is_soft ? limit.meant.rlim_cur : limit.meant.rlim_max,
              is_soft ? now.rlim_cur : now.rlim_max,
              done ? "it is set back" : "it cannot be set back, and this process will be replaced");
    all = all && done;
  }
  return all;
}

}  // namespace cgisrv
