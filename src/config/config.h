// The configuration as values: the result of TOML files and of directory mode.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "accesslog/log_target.h"
#include "auth/options.h"
#include "base/result.h"
#include "cgi/options.h"
#include "config/limits.h"
#include "config/listener_options.h"
#include "config/server_options.h"
#include "config/site.h"

namespace cgisrv::config {

struct Config {
  std::string file;                   // its source; empty in directory mode
  std::vector<std::string> include;   // as written: what more belongs to it
  std::vector<std::string> included;  // the files that were read besides
  std::vector<std::string> notes;     // on what was read, for whoever checks it
  ServerOptions server;
  std::vector<ListenerOptions> listen;
  AdminOptions admin;
  Limits limits;
  auth::Limits auth;                        // [auth]
  std::vector<std::string> password_files;  // and group files: of all rules
  CgiOptions cgi;           // [cgi]; initial value for locations, which hold their own
  KeyLines cgi_lines;       // of [cgi]
  std::vector<Site> sites;  // the first one answers for unknown hosts
  accesslog::LogTarget access_log;
  std::string error_log = "stderr";
  std::string error_log_format = "text";
  std::string log_level = "info";
  // Shows a failed program's reason, exit status and stderr to clients on loopback listeners whose
  // requests have no sign of a proxy.
  bool show_failures = false;
  // Directory mode: only hosts of is_safe_host() are answered.
  bool checks_host = false;
  std::vector<std::string> own_names;  // of this machine, see own_names()
  std::vector<std::string> hosts;      // further accepted hosts, as in server_name
};

// Whether `is` holds for a location of any site.
template <typename Is>
bool any_location(const Config& config, Is is) {
  return std::ranges::any_of(
      config.sites, [&](const Site& site) { return std::ranges::any_of(site.locations, is); });
}

// A fault in a configuration file: `line` and `column` count from 1; 0 when it has none.
struct ConfigError {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  // Says what to do: "unknown key 'wokers' in [server]; did you mean 'workers'?"
  std::string message;
  std::string text() const;  // file:line:column: message
};

// All faults, in the order of the file or the configuration. Relative paths are relative to the
// file's folder. Checks that named files and users exist. Like directory_config(), load_config()
// adds the server's own TZ to each env that does not set one.
std::expected<Config, std::vector<ConfigError>> load_config(const std::string& file);
std::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text,
                                                             const std::string& file);

// The configured directory of the control socket, whatever else is wrong in the file; empty if it
// is not set, or the file is no TOML.
std::string configured_runtime_dir(const std::string& file);

// Command line options for a directory.
struct DirectoryOptions {
  bool tls = false;                        // serve by TLS, with that certificate
  CertificateFiles certificate;            // made by the server itself
  bool warm = false;                       // start programs warm
  std::optional<std::uint64_t> body_size;  // bytes; none: the usual limit
  cgi::Variables env;                      // for every program
  std::string password_entry;              // a line of a password file; empty: all are let in
};

// Directory mode: static files; executables under DIR/cgi-bin/ and DIR/htbin/, and executable *.cgi
// anywhere, are programs. `directory` must exist.
Result<Config> directory_config(const std::string& directory, const DirectoryOptions& options = {});

}  // namespace cgisrv::config
