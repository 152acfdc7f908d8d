#include "base/own_limits.h"

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
    if (now.rlim_cur >= limit.meant.rlim_cur) continue;
    const bool done = ::setrlimit(limit.resource, &limit.meant) == 0;
    log::line(log::Level::error,
              "another process has lowered the resource limit {} of this one from {} to {}, as "
              "prlimit(1) does; {}",
              limit.name, limit.meant.rlim_cur, now.rlim_cur,
              done ? "it is set back" : "it cannot be set back, and this process will be replaced");
    all = all && done;
  }
  return all;
}

}  // namespace cgisrv
