#include "config/warm_programs.h"

#include <algorithm>

#include "cgi/umask.h"
#include "config/config.h"

namespace cgisrv::config {

namespace {

// A web server in front has a root of its own, and says so with each request.
std::string root_of(const Config& config, const Site& site) {
  return std::ranges::any_of(config.listen, &ListenerOptions::is_gateway) ? std::string()
                                                                          : site.root;
}

}  // namespace

std::optional<warm::WarmConfig> warm_config_of(const Config& config, const warm::ZygoteKey& key) {
  for (const Site& site : config.sites)
    for (const Location& location : site.locations) {
      if (location.cgi.location != key.location || !location.cgi.warm.enabled) continue;
      return warm::WarmConfig{.program = {.file = key.file,
                                          .interpreter = location.interpreter,
                                          .variables = location.cgi.env,
                                          .umask = cgi::umask_or_none(location.cgi.umask),
                                          .root = root_of(config, site)},
                              .options = location.cgi.warm};
    }
  return std::nullopt;
}

bool wants_zygote_manager(const Config& config) {
  return any_location(config, [](const Location& each) { return each.cgi.warm.enabled; });
}

}  // namespace cgisrv::config
