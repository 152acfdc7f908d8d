// What the server does now, and has done since its start. Read from shared memory and /proc alone,
// so the master and its children can report alike.
#pragma once

#include <cgisrv/pool.h>

#include <string>
#include <string_view>
#include <vector>

#include "admission/table.h"
#include "status/report.h"
#include "telemetry/shared_stats.h"

namespace cgisrv::status {

class Reporter {
 public:
  struct About {
    std::string serves;  // for the report
    bool configured = false;
    std::vector<std::string> listeners;
    std::vector<Report::Certificate> certificates;
    unsigned worker_connections = 0;
  };

  // In the master, whose process id is the server's. All references outlive it.
  Reporter(const pool::Master& master, admission::Table& table,
           telemetry::SharedStats& shared_stats, About about);

  Report report() const;

 private:
  void add_programs(Report& report) const;
  void add_traffic(Report::Totals& totals) const;

  const pool::Master& master_;
  admission::Table& table_;
  telemetry::SharedStats& shared_stats_;
  const About about_;
  const pid_t pid_;
};

// The state of the whole server, from those of its workers.
std::string_view server_state(const std::vector<pool::WorkerStatus>& workers);

}  // namespace cgisrv::status
