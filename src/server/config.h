// The configuration as values: what TOML files and directory mode both come down to.
#pragma once

#include <cgisrv/pool.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admission/pressure.h"
#include "base/result.h"
#include "base/tree.h"
#include "cgi/options.h"

namespace cgisrv::server {

using Duration = std::chrono::milliseconds;
inline constexpr Duration duration_unlimited = Duration::max();
inline constexpr std::uint64_t bytes_unlimited = std::numeric_limits<std::uint64_t>::max();

using Dispatch = pool::Dispatch;

// [server]
struct ServerOptions {
  std::string user;      // empty: stay who we are
  std::string group;     // empty: the user's
  unsigned workers = 0;  // 0: one per core
  unsigned worker_connections = 65535;
  unsigned worker_events = 10000;
  unsigned max_requests_per_worker = 0;  // then it is replaced; 0: never
  unsigned max_running = 512;            // programs of all kinds at a time
  admission::PressureLimits pressure;    // past which fewer of them run
  Dispatch dispatch = Dispatch::round_robin;
  Duration shutdown_timeout{30'000};
  Duration heartbeat_timeout{10'000};
  bool cgroups = false;
  bool cpu_affinity = true;
  std::string pid_file;
  std::string runtime_dir;  // of the control socket; empty: control::runtime_directories()
};

// [limits]; body_size can be set per location too.
struct Limits {
  std::uint64_t header_size = 16 * 1024;
  std::uint64_t target_size = 8 * 1024;
  unsigned header_fields = 100;
  std::uint64_t body_size = 10 * 1024 * 1024;
  Duration header_timeout{10'000};
  // A client's slowness, as net::Patience measures it: the bucket, and bytes a second.
  Duration body_timeout{60'000};
  std::uint64_t body_rate = 500;
  Duration send_timeout{60'000};
  std::uint64_t send_rate = 500;
  Duration keepalive_timeout{60'000};
  Duration half_close_timeout{500};     // a client that has shut its sending side gets this long
  unsigned keepalive_requests = 10000;  // per connection
};

// [cgi] and what a location sets again; declared where it is used.
using CgiOptions = cgi::Options;
using admission::PressureLimits;
using cgi::ChunkedBody;
using cgi::OnDisconnect;
using cgi::QueueOptions;
using cgi::ResourceLimits;
using WarmOptions = warm::Options;

enum class MatchKind : std::uint8_t { exact, prefix, extension };

struct Match {
  MatchKind kind = MatchKind::prefix;
  std::string text;  // "/exact", "/prefix/", ".ext" (with the dot)
};

enum class ProgramKind : std::uint8_t {
  none,       // static files
  in_place,   // cgi = true, or interpreter: files that match are run
  directory,  // cgi = "dir/": the executables below a directory
  single,     // cgi = "file": one program for everything below
};

// [[site.location]]
struct Location {
  unsigned number = 0;  // among all of the configuration, fallbacks too
  Match match;
  ProgramKind program = ProgramKind::none;
  std::string path;         // directory or single: absolute; no slash at the end
  std::string interpreter;  // absolute path, or empty
  Links links = Links::follow;
  std::uint64_t body_size = 0;
  CgiOptions cgi;
};

// [[site]]
struct Site {
  std::vector<std::string> server_name;  // lower case; "*.example.org" allowed; empty: any
  std::string root;                      // absolute, no slash at the end
  std::vector<std::string> index = {"index.cgi", "index.html"};
  bool listing = false;
  bool lists_programs = false;  // where it lists, folders of programs too: directory mode
  Links links = Links::follow;  // what locations begin with
  std::vector<Location> locations;
  Location fallback;  // what no location matches: static files, the [limits] and [cgi] defaults
};

struct LogTarget {
  std::string path = "stderr";      // "stderr", "off", or an absolute path
  std::string format = "combined";  // as AccessFormat::parse() reads it
};

// [[listen]]
struct Listen {
  std::string address = "127.0.0.1:8888";  // as net::parse_address reads it
  unsigned line = 0;                       // of the file; 0: it is not from there
};

// [admin]
struct AdminOptions {
  std::string listen;                    // as net::parse_address reads it; empty: nowhere
  unsigned line = 0;                     // of `listen` in the file; 0: it is not from there
  std::vector<std::string> server_name;  // hosts that it answers for, besides addresses
};

struct Config {
  std::string file;  // where it came from; empty in directory mode
  ServerOptions server;
  std::vector<Listen> listen;
  AdminOptions admin;
  Limits limits;
  CgiOptions cgi;           // [cgi]; locations hold their own, which begin with it
  std::vector<Site> sites;  // the first one answers for unknown hosts
  LogTarget access_log;
  std::string error_log = "stderr";
  std::string log_level = "info";
  // A failed program's reason, exit status and stderr are shown to clients on loopback listeners.
  bool show_failures = false;
};

// A fault in a configuration file: `line` and `column` count from 1; 0 when it has none.
struct ConfigError {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  // Says what to do: "unknown key 'wokers' in [server]; did you mean 'workers'?"
  std::string message;
  std::string text() const;  // file:line:column: message
};

// Every fault that was found, in the order of the file, or the configuration. Relative paths are
// relative to the file's folder. Files and users named are checked for existence.
std::expected<Config, std::vector<ConfigError>> load_config(const std::string& file);
std::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text,
                                                             const std::string& file);

// Where the server of that file has its control socket, whatever else is wrong in the file; empty
// where it does not say, or is no TOML.
std::string configured_runtime_dir(const std::string& file);

// Directory mode: static files; executables under DIR/cgi-bin/ and executable *.cgi anywhere are
// programs, which `warm` starts so. `directory` must exist.
Result<Config> directory_config(const std::string& directory, bool warm = false);

}  // namespace cgisrv::server
