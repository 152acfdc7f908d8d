// The configuration as values: the result of TOML files and of directory mode.
#pragma once

#include <cgisrv/pool.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/address_set.h"
#include "accesslog/log_target.h"
#include "admission/pressure_limits.h"
#include "auth/options.h"
#include "backend/target.h"
#include "base/result.h"
#include "base/tree.h"
#include "cgi/options.h"
#include "config/answer_rules.h"
#include "config/replacement.h"

namespace cgisrv::pattern {
class Pattern;
}

namespace cgisrv::config {

using Duration = std::chrono::milliseconds;
inline constexpr Duration duration_unlimited = Duration::max();
inline constexpr std::uint64_t bytes_unlimited = std::numeric_limits<std::uint64_t>::max();

using Dispatch = pool::Dispatch;

// What SIGTERM means. automatic: quit for process 1, as in a container, else stop.
enum class OnTerm : std::uint8_t { automatic, stop, quit };

// [server]
struct ServerOptions {
  std::string user;                 // empty: our own
  bool user_is_default = false;     // started as root, and the configuration names none
  std::string group;                // empty: the user's
  unsigned workers = 0;             // 0: one per core
  unsigned worker_connections = 0;  // 0: as many as the descriptors allow
  unsigned worker_events = 10000;
  std::uint64_t worker_body_memory = 64 * 1024 * 1024;  // for bodies that are collected
  unsigned max_requests_per_worker = 0;                 // then the worker is replaced; 0: never
  unsigned max_running = 512;                           // programs of all kinds at a time
  admission::PressureLimits pressure;                   // above it, fewer programs run
  Dispatch dispatch = Dispatch::round_robin;
  Duration drain_delay{0};  // from "not ready" to closed listeners
  OnTerm on_term = OnTerm::automatic;
  Duration shutdown_timeout{30'000};
  Duration heartbeat_timeout{10'000};
  access::AddressSet trusted_proxies;  // believed in what they say of their clients
  bool cgroups = false;
  bool cpu_affinity = true;
  std::string pid_file;
  std::string runtime_dir;  // of the control socket; empty: control::runtime_directories()
};

// [limits]; body_size can also be set per location.
struct Limits {
  std::uint64_t header_size = 16 * 1024;
  std::uint64_t target_size = 8 * 1024;
  unsigned header_fields = 100;
  std::uint64_t body_size = 10 * 1024 * 1024;
  Duration header_timeout{10'000};
  // A client's slowness, by net::MinRateTimer: the bucket, and bytes a second.
  Duration body_timeout{60'000};
  std::uint64_t body_rate = 500;
  Duration send_timeout{60'000};
  std::uint64_t send_rate = 500;
  Duration keepalive_timeout{60'000};
  Duration half_close_timeout{500};     // a client that has shut its sending side gets this long
  unsigned keepalive_requests = 10000;  // per connection
  unsigned max_streams = 100;           // of a connection at a time, in HTTP/2
};

// [cgi] and again in locations; declared where it is used.
using CgiOptions = cgi::Options;
using admission::PressureLimits;
using cgi::QueueOptions;
using cgi::ResourceLimits;
using WarmOptions = warm::Options;

enum class MatchKind : std::uint8_t { exact, prefix, extension, prefix_ending, regex };

struct Match {
  MatchKind kind = MatchKind::prefix;
  std::string text;    // "/exact", "/prefix/", ".ext" (with the dot), or a regular expression
  std::string ending;  // prefix_ending: of files below the prefix, such as ".ext"
  std::shared_ptr<const pattern::Pattern> pattern;  // regex: never null

  bool has_prefix() const { return kind == MatchKind::prefix || kind == MatchKind::prefix_ending; }
  bool has_ending() const {
    return kind == MatchKind::extension || kind == MatchKind::prefix_ending;
  }
};

enum class ProgramKind : std::uint8_t {
  none,       // static files
  in_place,   // cgi = true, or interpreter: matching files are run
  directory,  // cgi = "dir/": the executables below a directory
  single,     // cgi = "file": one program for everything below; without a file: all of it is the
              // backend's
};

// Who is let in, of a site or a location. Each key by itself is inherited where it is not set.
struct AccessRules {
  std::optional<access::AddressSet> allow;  // by address; nobody else
  std::optional<auth::Options> auth;        // by password; or nobody is asked
};

// forbidden: answers 403; hidden: 404, as if nothing were there.
enum class Deny : std::uint8_t { no, forbidden, hidden };

// [site.location.redirect]
struct Redirect {
  Replacement to;  // empty: no redirect; else "/path" or "https://host/path"
  int status = 302;
};

// One step of `try`: a word, or a path of the site that is asked for instead.
struct Attempt {
  enum class Kind : std::uint8_t { file, directory, path };
  Kind kind = Kind::path;
  Replacement path;   // decoded
  Replacement query;  // encoded; empty: none
};

// Where a key of a table stands; its header has an empty key.
struct KeyLine {
  std::string key;
  unsigned line = 0;
  std::string file;  // empty: the configuration's own

  bool operator==(const KeyLine&) const = default;
};
using KeyLines = std::vector<KeyLine>;

// [[site.location]]
struct Location {
  unsigned number = 0;  // in the whole configuration, fallbacks included
  Match match;
  Deny deny = Deny::no;
  Redirect redirect;
  std::vector<Attempt> attempts;  // `try`
  std::string files;       // stands for the prefix in place of root, or for an exact path; absolute
  std::string real_files;  // the same without links, at the time of reading
  Replacement file_names;  // of a regular expression: the files below `files` that it leads to
  std::vector<std::string> index = {"index.cgi", "index.html"};
  std::optional<bool> listing;  // none: as the site says
  ProgramKind program = ProgramKind::none;
  bool files_only = false;  // cgi = false: no ending makes a program of a file below
  std::string path;         // directory or single: absolute; no trailing slash
  std::string real_path;    // the same without links, at the time of reading
  std::string interpreter;  // absolute path, or empty
  backend::Target backend;  // runs them in place of this server; may be none
  Links links = Links::follow;
  AccessRules access;
  std::uint64_t body_size = 0;
  CgiOptions cgi;
  AnswerRules answers;
  KeyLines lines;

  // Whether its programs are executed, and not read by what runs them.
  bool needs_execute() const { return interpreter.empty() && !backend; }
  // Its programs stand in it by name, or by that of their folder.
  bool names_program() const {
    return program == ProgramKind::single || program == ProgramKind::directory;
  }
  // All below is passed to the backend, whatever files there are.
  bool is_all_passed() const { return program == ProgramKind::single && path.empty(); }
};

// Where clients find a site: "https://example.org:8443/".
struct PublicUrl {
  bool https = false;
  std::string host;  // lower case, an IPv6 address in brackets
  std::uint16_t port = 0;
};

// [site.tls]: PEM files, absolute
struct CertificateFiles {
  std::string certificate;  // with the chain
  std::string key;

  bool operator==(const CertificateFiles&) const = default;
};

// [[site]]
struct Site {
  std::vector<std::string> include;      // as written: files of its [[location]]s
  std::vector<std::string> server_name;  // lower case; "*.example.org" allowed; empty: any
  std::string root;                      // absolute, no trailing slash
  std::string real_root;                 // the same without links
  std::vector<std::string> index = {"index.cgi", "index.html"};  // initial value for locations
  bool listing = false;                                          // where no location says otherwise
  bool lists_programs = false;  // if it lists, also folders of programs: directory mode
  Links links = Links::follow;  // initial value for locations
  std::optional<PublicUrl> public_url;
  std::vector<CertificateFiles> tls;  // one of each kind; none: those of the first site with any
  std::string client_ca;              // PEM, absolute: whose certificates of clients count
  bool redirect_to_https = false;     // what comes in the clear
  AccessRules access;                 // where no location for a path says otherwise
  std::vector<Location> locations;
  KeyLines lines;
  Location fallback;  // for paths without a location: static files, the [limits] and [cgi] defaults

  // For messages.
  const std::string& title() const { return server_name.empty() ? root : server_name.front(); }
};

// Not if it was built without nghttp2.
#ifdef CGISRV_WITHOUT_NGHTTP2
inline constexpr bool has_http2 = false;
#else
inline constexpr bool has_http2 = true;
#endif

// What is spoken at a listener. fastcgi, scgi: by a web server that passes requests on.
enum class Protocol : std::uint8_t { http, fastcgi, scgi };

// [[listen]]
struct ListenerOptions {
  std::string address = "127.0.0.1:8888";  // read by net::parse_address
  bool tls = false;
  std::optional<bool> http2{};  // nothing: with TLS
  bool proxy_protocol = false;  // each connection begins with a PROXY header
  bool request_ids = false;     // and the proxy sets or removes X-Request-ID in each request
  Protocol protocol = Protocol::http;
  // That a web server may name, beside those that locations name: files, and folders; absolute.
  std::vector<std::string> programs{};
  std::optional<access::AddressSet> allow{};  // who may connect; none: everybody
  std::string mode{};   // of the unix socket that is made; empty: see socket_rights()
  std::string owner{};  // empty: who starts the server
  std::string group{};
  bool errors_to_web_server = false;  // what programs write to standard error, besides the log
  unsigned line = 0;                  // in the file; 0: not from a file

  bool speaks_http2() const { return http2.value_or(tls && has_http2); }
  bool is_gateway() const { return protocol != Protocol::http; }
};

// [admin]
struct AdminOptions {
  std::string listen;                    // read by net::parse_address; empty: off
  std::string agent;                     // the same: what HAProxy asks
  unsigned line = 0;                     // of `listen` in the file; 0: not from a file
  std::vector<std::string> server_name;  // hosts that it answers for, besides addresses
  std::vector<CertificateFiles> tls;     // none: it speaks in the clear
};

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
