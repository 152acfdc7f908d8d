// A running server's report on itself: made by the master, sent as JSON over the control socket,
// read by `cgisrv status`. Counts are since the server was started.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cgisrv::status {

struct Report {
  struct Server {
    int pid = 0;
    std::string version;
    // starting, serving, drained, maintenance, leaving, finishing, stopping
    std::string state;
    double uptime_seconds = 0;
    unsigned generation = 0;  // of the configuration, counted from 1
    std::string serves;       // the directory, or the configuration file; absolute
    bool configured = false;  // it is a file
    bool upgrading = false;   // a newer program is starting, to take its place
    std::vector<std::string> listeners;

    bool is_drained() const { return state == "drained" || state == "maintenance"; }
    // Not for a server that ends, or whose successor serves already.
    bool is_current() const { return state == "serving" || is_drained(); }
  };
  struct Totals {
    std::uint64_t requests = 0;
    std::uint64_t connections_accepted = 0;
    std::uint64_t lost_log_lines = 0;
    std::uint64_t worker_deaths = 0;       // not requested
    std::uint64_t worker_retirements = 0;  // requested by the worker
    std::uint64_t reloads = 0;             // of the configuration
    std::uint64_t reloads_failed = 0;      // without effect
    std::uint64_t tls_handshakes = 0;      // in full
    std::uint64_t tls_resumed = 0;         // of clients that had shaken hands before
    std::uint64_t tls_failed = 0;          // begun, and not completed
    std::uint64_t http2_connections = 0;
    std::uint64_t http2_streams = 0;  // requests
    std::uint64_t http2_resets = 0;   // by a client, or for what it did
    std::uint64_t http2_refused = 0;  // connections, for what their clients did
    std::map<std::string, std::uint64_t> by_status;
  };
  struct Certificate {
    std::string site;
    std::string file;
    std::int64_t not_after = 0;     // seconds of Unix time
    std::int64_t seconds_left = 0;  // until then; negative: it has expired

    bool expires_soon() const { return seconds_left <= std::int64_t{14} * 24 * 3600; }
  };
  struct Worker {
    unsigned index = 0;
    int pid = 0;  // 0: none just now
    std::string state;
    std::uint32_t connections = 0;
    std::uint32_t connections_busy = 0;  // on which a request or its answer is under way
    std::uint32_t connections_max = 0;
    std::uint64_t accepted = 0;  // by this process
    unsigned restarts = 0;
    unsigned generation = 0;         // of the configuration that it serves; a reload makes the next
    std::uint64_t memory_bytes = 0;  // resident
  };
  struct Admission {
    std::uint64_t running = 0;
    std::uint64_t waiting = 0;
    std::uint64_t limit = 0;
  };
  struct Program {
    std::uint32_t id = 0;  // of this file at this location, the same in every run of the server
    unsigned row = 0;      // in admission's table; not in the report's text
    std::string file;
    std::uint64_t running = 0;
    std::uint64_t waiting = 0;
    std::uint64_t limit = 0;       // how many may run now
    std::uint64_t limit_max = 0;   // as configured
    std::string limit_reason;      // "fixed", or why max_running = "auto" has found that limit
    double demand = 0;             // of a run's time, the share that it computes; of the latter
    std::uint64_t queue_size = 0;  // how many may wait
    std::string start;             // "cold", "warm": as configured
    std::uint64_t zygotes = 0;     // that are ready
    std::uint64_t refused = 0;     // answered 503 for lack of a permit
    std::uint64_t finished = 0;    // completed requests
    std::uint64_t failed = 0;      // of these, those where the program is to blame
    std::map<std::string, std::uint64_t> outcomes;
    std::uint64_t cold_starts = 0;  // executed
    std::uint64_t warm_starts = 0;  // forked from a zygote
    double time_p50_seconds = 0;    // of a request, waiting included
    double time_p90_seconds = 0;
    double time_p99_seconds = 0;
    double wait_p99_seconds = 0;
    double cpu_seconds = 0;
    std::uint64_t memory_peak_bytes = 0;  // of the largest
    std::uint64_t bytes_in = 0;           // to programs
    std::uint64_t bytes_out = 0;          // from them
  };

  Server server;
  Totals totals;
  std::vector<Certificate> certificates;
  std::vector<Worker> workers;
  Admission admission;
  std::vector<Program> programs;
};

// For a reader that adds more to the report.
nlohmann::json json_of(const Report& report);
// On one line, in ASCII. Bytes of a file's name that are not UTF-8 become U+FFFD.
std::string to_json(const Report& report);
std::string dump(const nlohmann::json& json);
// Ignores unknown members and gives missing ones their defaults: the command's version may differ
// from the server's.
Result<Report> report_from_json(std::string_view json);

}  // namespace cgisrv::status
