// What an administrator asks of a running server over its control socket, in the master.
#pragma once

#include <cgisrv/pool.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admission/table.h"
#include "base/result.h"
#include "control/server.h"
#include "server/access_log.h"
#include "server/config.h"
#include "server/report.h"

namespace cgisrv::server {

class Operator {
 public:
  // Opens the control socket. A server without one serves nevertheless, and the log says why.
  // `serves` and `listeners` as a report has them. All that is given by reference outlives it.
  Operator(pool::Master& master, const Config& config, std::string serves,
           std::vector<std::string> listeners, admission::Table& table, AccessLog& access_log);

  // In a worker: the socket is the master's.
  void abandon();
  // What HUP and USR1 do too. The answer, for whoever asked, is in the log too.
  control::Answer reload();
  control::Answer reopen();

 private:
  Result<void> listen();
  control::Answer answer(std::string_view verb, const ucred& peer);
  control::Answer stop(pool::Stop how);
  Report report() const;
  void report_programs(Report& report) const;

  pool::Master& master_;
  const Config& config_;
  const std::string serves_;
  const std::vector<std::string> listeners_;
  admission::Table& table_;
  AccessLog& access_log_;
  const TimePoint started_ = Clock::now();
  std::unique_ptr<control::Server> control_;
};

// Of the whole server, from the states of its workers.
std::string_view server_state(const std::vector<pool::WorkerStatus>& workers);

}  // namespace cgisrv::server
