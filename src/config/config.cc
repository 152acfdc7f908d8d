#include "config/config.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <set>

#include "config/certificate_check.h"
#include "config/codec.h"
#include "config/document.h"
#include "config/faults.h"
#include "config/include.h"
#include "config/listener_check.h"
#include "config/parameters.h"
#include "config/password_rules.h"
#include "config/site_check.h"
#include "config/start_check.h"
#include "config/value_check.h"

namespace cgisrv::config {

std::string ConfigError::text() const {
  if (line == 0) return fmt::format("{}: {}", file, message);
  if (column == 0) return fmt::format("{}:{}: {}", file, line, message);
  return fmt::format("{}:{}:{}: {}", file, line, column, message);
}

namespace {

// Derived from its contents, so that it keeps its number, and its programs their accounts, when
// another configuration is loaded.
std::uint32_t number_of(const Site& site, const Location& location) {
  std::string what = fmt::format("{} {}{}", static_cast<int>(location.match.kind),
                                 location.match.text, location.match.ending);
  for (const std::string& name : site.server_name)
    what.append("\n").append(name);
  return static_cast<std::uint32_t>(std::hash<std::string>{}(what));
}

// The one variable of the server's own that programs get: they should have the time of its log.
void hand_on_time_zone(cgi::Variables& env) {
  constexpr auto name = "TZ";
  const char* const zone = std::getenv(name);
  const bool configured = std::ranges::count(env, name, &cgi::Variables::value_type::first) > 0;
  if (zone != nullptr && !configured) env.emplace_back(name, zone);
}

void hand_on_variables(Config& config) {
  hand_on_time_zone(config.cgi.env);
  for (Site& site : config.sites) {
    hand_on_time_zone(site.fallback.cgi.env);
    for (Location& location : site.locations)
      hand_on_time_zone(location.cgi.env);
  }
}

void number_locations(Config& config) {
  std::set<std::uint32_t> taken = {0};
  unsigned count = 0;
  for (Site& site : config.sites) {
    site.fallback.number = count++;
    for (Location& location : site.locations) {
      location.number = count++;
      std::uint32_t number = number_of(site, location);
      while (!taken.insert(number).second)
        ++number;
      location.cgi.location = number;
    }
  }
}

// Root's rights are for opening ports and logs. Unless the administrator decides otherwise,
// programs get those of Debian's web servers, or of nobody.
void use_default_user(ServerOptions& options) {
  if (::geteuid() != 0 || !options.user.empty() || !options.group.empty()) return;
  for (const char* const name : {"www-data", "nobody"})
    if (const passwd* const entry = ::getpwnam(name); entry != nullptr && entry->pw_uid != 0) {
      options.user = name;
      options.user_is_default = true;
      return;
    }
}

// Sites find the files that they share by these.
void find_real_places(Config& config) {
  for (Site& site : config.sites) {
    site.real_root = real_path(site.root);
    for (Location& location : site.locations) {
      location.real_path = real_path(location.path);
      location.real_files = real_path(location.files);
    }
  }
}

// All that is wrong, so that one pass shows it: also what a start would fail on next, which has no
// line and comes first.
std::vector<ConfigError> errors_of(const Config& config, const std::string& file, Faults faults) {
  std::vector<ConfigError> errors;
  for (const std::string& each : folders_lacking(config))
    errors.push_back({.file = file, .message = "as it is here, it would not start: " + each});
  std::ranges::move(std::move(faults).in_order_of_file(), std::back_inserter(errors));
  return errors;
}

std::expected<Config, std::vector<ConfigError>> config_of(const Value& document,
                                                          const std::string& file, Faults faults) {
  Config config = read_config(document, folder_of(file), faults);
  config.file = file;
  if (const Value* cgi = document.find("cgi")) config.cgi_lines = lines_of(*cgi);
  check_listeners(document, config, faults);
  check_sites(document, config, faults);
  check_password_rules(document, config, faults);
  check_certificates(document, config, faults);
  if (!faults.empty()) return std::unexpected(errors_of(config, file, std::move(faults)));
  number_locations(config);
  list_password_rules(config);
  note_deadlines(document, file, config);
  find_real_places(config);
  use_default_user(config.server);
  if (config.listen.empty()) config.listen.emplace_back();
  return config;
}

}  // namespace

std::expected<Config, std::vector<ConfigError>> load_config(const std::string& file) {
  auto read = read_document(file);
  if (!read) return std::unexpected(std::vector{read.error()});
  Faults faults(file);
  auto included = join_included(*read, file, faults);
  auto config = config_of(*read, file, std::move(faults));
  if (!config) return config;
  config->included = std::move(included.files);
  std::ranges::move(included.empty, std::back_inserter(config->notes));
  hand_on_variables(*config);
  return config;
}

std::string configured_runtime_dir(const std::string& file) {
  auto document = read_document(file);
  if (!document) return {};
  Faults faults(file);  // not reported here
  join_included(*document, file, faults);
  return read_config(*document, folder_of(file), faults).server.runtime_dir;
}

std::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text,
                                                             const std::string& file) {
  const auto document = parse_document(text, file);
  if (!document) return std::unexpected(std::vector{document.error()});
  return config_of(*document, file, Faults(file));
}

Result<Config> directory_config(const std::string& directory, const DirectoryOptions& options) {
  const std::string real = real_path(directory);
  const int error = errno;
  std::error_code no_absolute;
  const auto absolute = std::filesystem::absolute(directory, no_absolute).lexically_normal();
  if (const auto closed = closed_directory(real.empty() ? absolute.string() : real);
      !closed.empty())
    return fail("cannot serve {}: {}", directory, closed);
  if (real.empty())
    return fail_errno(error, "cannot serve {}; name a directory that exists", directory);
  if (const auto problem = check_directory(real); !problem.empty())
    return fail("cannot serve {}: {}", directory, problem);

  Config config;
  config.show_failures = true;
  Site& site = config.sites.emplace_back();
  site.root = real;
  site.listing = site.lists_programs = true;
  if (options.tls) site.tls = {options.certificate};
  site.fallback.index = site.index;
  site.fallback.body_size = options.body_size.value_or(config.limits.body_size);
  if (!options.password_entry.empty()) site.access.auth = {.entry = options.password_entry};
  site.locations.assign(3, site.fallback);
  site.locations[0].match = {MatchKind::prefix, "/cgi-bin/"};
  site.locations[1].match = {MatchKind::prefix, "/htbin/"};
  site.locations[2].match = {MatchKind::extension, ".cgi"};
  for (Location& location : site.locations) {
    location.program = ProgramKind::in_place;
    location.cgi.env = options.env;
    location.cgi.warm.enabled = options.warm;
    location.cgi.by_file = false;
  }
  number_locations(config);
  hand_on_variables(config);
  return config;
}

}  // namespace cgisrv::config
