// What the status page is drawn from: a report, and what has been seen of it over the last minutes.
#pragma once

#include <map>
#include <string>

#include "server/reporter.h"
#include "telemetry/board.h"
#include "telemetry/history.h"

namespace cgisrv::server {

class StatusFeed {
 public:
  // All of them outlive it.
  StatusFeed(const Reporter& reporter, admission::Table& table, telemetry::Board& board);

  // Every telemetry::History::interval: adds one to the history.
  void look();
  // As docs/guide.md describes it.
  std::string json() const;

 private:
  using Totals = telemetry::Recent::Totals;
  Totals totals(const Report& report) const;

  const Reporter& reporter_;
  admission::Table& table_;
  telemetry::Board& board_;
  Totals before_;  // when we looked last
  telemetry::Recent all_;
  std::map<unsigned, telemetry::Recent> programs_;  // by id
};

}  // namespace cgisrv::server
