// The status page's data: a report, and a history of the last minutes.
#pragma once

#include <map>
#include <string>

#include "status/reporter.h"
#include "telemetry/history.h"
#include "telemetry/shared_stats.h"

namespace cgisrv::admin {

class StatusFeed {
 public:
  // All arguments outlive it.
  StatusFeed(const status::Reporter& reporter, admission::Table& table,
             telemetry::SharedStats& shared_stats);

  // To be called every telemetry::History::interval: adds a sample to the history.
  void poll();
  // In the format of docs/guide.md.
  std::string json() const;

 private:
  using Totals = telemetry::Recent::Totals;
  Totals totals(const status::Report& report) const;

  const status::Reporter& reporter_;
  admission::Table& table_;
  telemetry::SharedStats& shared_stats_;
  Totals before_;  // at the last poll
  telemetry::Recent all_;
  std::map<std::uint32_t, telemetry::Recent> programs_;  // by id
};

}  // namespace cgisrv::admin
