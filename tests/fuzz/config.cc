// A configuration: it is either complete and within its limits, or every fault that was found is a
// line that a person can read, in the order of the file.
#include "config/config.h"

#include <algorithm>

#include "config/document.h"
#include "fuzz.h"
#include "net/address.h"

namespace cgisrv::fuzz {
namespace {

using config::Config;
using config::ConfigError;

void check_faults(const std::vector<ConfigError>& faults, std::string_view text) {
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  CGISRV_CHECK(!faults.empty());
  CGISRV_CHECK(std::ranges::is_sorted(
      faults, {}, [](const ConfigError& fault) { return std::pair(fault.line, fault.column); }));
  for (const ConfigError& fault : faults) {
    CGISRV_CHECK(!fault.message.empty() && is_printable(fault.text()));
    CGISRV_CHECK(fault.line <= lines + 1);
  }
}

void check_location(const config::Location& location) {
  const bool is_regex = location.match.kind == config::MatchKind::regex;
  CGISRV_CHECK(is_regex == (location.match.pattern != nullptr));
  CGISRV_CHECK(is_regex || location.match.text.starts_with(
                               location.match.kind == config::MatchKind::extension ? '.' : '/'));
  CGISRV_CHECK(location.files.empty() || location.files.starts_with('/'));
  CGISRV_CHECK(location.redirect.to.empty() || location.redirect.to.front().starts_with('/') ||
               location.redirect.to.front().starts_with("http"));
  const bool has_path = location.program == config::ProgramKind::directory ||
                        location.program == config::ProgramKind::single;
  CGISRV_CHECK(has_path == location.path.starts_with('/'));
  CGISRV_CHECK(location.interpreter.empty() || location.interpreter.starts_with('/'));
  CGISRV_CHECK(location.interpreter.empty() || location.program != config::ProgramKind::none);
}

void check_warm(const config::WarmOptions& warm) {
  CGISRV_CHECK(warm.max_requests > 0 && warm.max_memory > 0);
  CGISRV_CHECK(warm.max_age.count() >= 1000 && warm.idle.count() >= 1000);
  CGISRV_CHECK(warm.preload.imports <= config::WarmOptions::Preload::Imports::none);
  CGISRV_CHECK(warm.finalize <= config::WarmOptions::Finalize::full);
}

void check_config(const Config& config) {
  CGISRV_CHECK(!config.sites.empty() && !config.listen.empty());
  for (const auto& listen : config.listen)
    CGISRV_CHECK(net::parse_address(listen.address));
  for (const auto& site : config.sites) {
    CGISRV_CHECK(site.root.starts_with('/') && site.root.size() > 1 && !site.root.ends_with('/'));
    for (const auto& index : site.index)
      CGISRV_CHECK(!index.empty() && !index.contains('/'));
    for (const auto& location : site.locations) {
      check_location(location);
      check_warm(location.cgi.warm);
    }
  }
  CGISRV_CHECK(config.limits.header_size >= config.limits.target_size ||
               config.limits.header_size > 0);
  CGISRV_CHECK(config.limits.header_timeout.count() > 0);
}

}  // namespace

CGISRV_FUZZ_TARGET(config) {
  const auto config = config::parse_config(input, "/etc/cgisrv.toml");
  if (config) {
    check_config(*config);
  } else {
    check_faults(config.error(), input);
  }
}

}  // namespace cgisrv::fuzz
