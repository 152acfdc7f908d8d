#include "config/warm_programs.h"

#include "cgi/umask.h"

namespace cgisrv::config {

std::optional<warm::WarmConfig> warm_config_of(const Config& config, const warm::ZygoteKey& key) {
  for (const Site& site : config.sites)
    for (const Location& location : site.locations) {
      if (location.cgi.location != key.location || !location.cgi.warm.enabled) continue;
      return warm::WarmConfig{.program = {.file = key.file,
                                          .interpreter = location.interpreter,
                                          .variables = location.cgi.env,
                                          .umask = cgi::umask_or_none(location.cgi.umask),
                                          .root = site.root},
                              .options = location.cgi.warm};
    }
  return std::nullopt;
}

bool wants_zygote_manager(const Config& config) {
  return any_location(config, [](const Location& each) { return each.cgi.warm.enabled; });
}

}  // namespace cgisrv::config
