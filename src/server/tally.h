// A worker's share of the board: each exchange that has ended is counted, and noted where somebody
// will ask about it.
#pragma once

#include <vector>

#include "server/access_format.h"
#include "server/config.h"
#include "telemetry/board.h"

namespace cgisrv::server {

class Tally {
 public:
  // Both outlive it.
  Tally(telemetry::Board& board, const Config& config);

  telemetry::TrafficRow& row(const Location& location) { return *rows_[location.number]; }
  // Of requests that were refused before their path was looked at.
  telemetry::TrafficRow& unrouted() { return unrouted_; }

  void accepted() { board_.traffic().connections.fetch_add(1, std::memory_order_relaxed); }
  // An exchange has ended; `status` 0: nobody waited for its answer.
  void count(telemetry::TrafficRow& row, int status, Clock::duration duration);
  // Whether it is worth a note: it failed, or took longer than others. `entry` as the access log
  // gets it; its costs may be missing yet.
  bool is_remarkable(const AccessEntry& entry) const;
  // Notes it, if it is that. With its costs.
  void note(const AccessEntry& entry);

 private:
  telemetry::Board& board_;
  telemetry::TrafficRow& unrouted_;
  std::vector<telemetry::TrafficRow*> rows_;  // by the location's number
};

}  // namespace cgisrv::server
