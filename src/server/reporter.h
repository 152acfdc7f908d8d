// What the server does just now, and has done since it was started: gathered from shared memory and
// /proc alone, so by the master and by what was forked from it alike.
#pragma once

#include <cgisrv/pool.h>

#include <string>
#include <string_view>
#include <vector>

#include "admission/table.h"
#include "server/report.h"
#include "telemetry/board.h"

namespace cgisrv::server {

class Reporter {
 public:
  struct About {
    std::string serves;  // as a report has it
    bool configured = false;
    std::vector<std::string> listeners;
    unsigned worker_connections = 0;
  };

  // In the master, whose process id is the server's. All references outlive it.
  Reporter(const pool::Master& master, admission::Table& table, telemetry::Board& board,
           About about);

  Report report() const;

 private:
  void add_programs(Report& report) const;
  void add_traffic(Report::Totals& totals) const;

  const pool::Master& master_;
  admission::Table& table_;
  telemetry::Board& board_;
  const About about_;
  const pid_t pid_;
};

// Of the whole server, from the states of its workers.
std::string_view server_state(const std::vector<pool::WorkerStatus>& workers);

}  // namespace cgisrv::server
