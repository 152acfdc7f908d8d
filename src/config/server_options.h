// What the configuration says of the server, whatever its sites.
#pragma once

#include <cgisrv/pool.h>

#include <cstdint>
#include <string>
#include <vector>

#include "access/address_set.h"
#include "admission/pressure_limits.h"
#include "config/certificate_files.h"
#include "config/limits.h"

namespace cgisrv::config {

using Dispatch = pool::Dispatch;
using admission::PressureLimits;

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
  PressureLimits pressure;                              // above it, fewer programs run
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

// [admin]
struct AdminOptions {
  std::string listen;                    // read by net::parse_address; empty: off
  std::string agent;                     // the same: what HAProxy asks
  unsigned line = 0;                     // of `listen` in the file; 0: not from a file
  std::vector<std::string> server_name;  // hosts that it answers for, besides addresses
  std::vector<CertificateFiles> tls;     // none: it speaks in the clear
};

}  // namespace cgisrv::config
