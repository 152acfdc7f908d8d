#include "server/config.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <sstream>

#include "server/config_reader.h"
#include "server/document.h"
#include "server/faults.h"
#include "server/listener_check.h"
#include "server/site_check.h"
#include "server/value_check.h"

namespace cgisrv::server {

std::string ConfigError::text() const {
  if (line == 0) return fmt::format("{}: {}", file, message);
  return fmt::format("{}:{}:{}: {}", file, line, column, message);
}

namespace {

// By what it is, so that it keeps its number, and its programs their accounts, when another
// configuration is loaded.
std::uint32_t number_of(const Site& site, const Location& location) {
  std::string what =
      fmt::format("{} {}", static_cast<int>(location.match.kind), location.match.text);
  for (const std::string& name : site.server_name)
    what.append("\n").append(name);
  return static_cast<std::uint32_t>(std::hash<std::string>{}(what));
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

std::expected<std::string, ConfigError> read_text(const std::string& file) {
  const auto fault = [&](const std::string& what) {
    return std::unexpected(ConfigError{file, 0, 0, what});
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    return fault(fmt::format("this is a directory; to serve it: cgisrv {}", file));
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (stream.is_open()) text << stream.rdbuf();
  // Reading nothing fails too, but is not bad(): an empty file has its own message.
  if (stream.is_open() && !text.bad()) return std::move(text).str();
  return fault(fmt::format("cannot read the configuration: {}", errno_text(errno)));
}

std::string folder_of(const std::string& file) {
  return std::filesystem::absolute(file).parent_path().string();
}

}  // namespace

std::expected<Config, std::vector<ConfigError>> load_config(const std::string& file) {
  const auto text = read_text(file);
  if (!text) return std::unexpected(std::vector{text.error()});
  return parse_config(*text, file);
}

std::string configured_runtime_dir(const std::string& file) {
  const auto text = read_text(file);
  if (!text) return {};
  const auto document = parse_document(*text, file);
  if (!document) return {};
  Faults faults(file);  // of no concern here
  return read_config(*document, folder_of(file), faults).server.runtime_dir;
}

std::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text,
                                                             const std::string& file) {
  const auto document = parse_document(text, file);
  if (!document) return std::unexpected(std::vector{document.error()});
  Faults faults(file);
  Config config = read_config(*document, folder_of(file), faults);
  check_listeners(*document, config, faults);
  check_sites(*document, config, faults);
  if (!faults.empty()) return std::unexpected(std::move(faults).in_order_of_file());
  number_locations(config);
  config.file = file;
  if (config.listen.empty()) config.listen.emplace_back();
  return config;
}

Result<Config> directory_config(const std::string& directory, bool warm) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(directory.c_str(), nullptr),
                                                         &std::free);
  if (!real) return fail_errno(errno, "cannot serve {}; name a directory that exists", directory);
  if (const auto problem = check_directory(real.get()); !problem.empty())
    return fail("cannot serve {}: {}", directory, problem);

  Config config;
  config.show_failures = true;
  Site& site = config.sites.emplace_back();
  site.root = real.get();
  site.listing = site.lists_programs = true;
  site.fallback.body_size = config.limits.body_size;
  site.locations.assign(2, site.fallback);
  site.locations[0].match = {MatchKind::prefix, "/cgi-bin/"};
  site.locations[1].match = {MatchKind::extension, ".cgi"};
  for (Location& location : site.locations) {
    location.program = ProgramKind::in_place;
    location.cgi.warm.enabled = warm;
  }
  number_locations(config);
  return config;
}

}  // namespace cgisrv::server
