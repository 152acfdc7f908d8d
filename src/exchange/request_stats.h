// A worker's share of the shared statistics: counts each exchange that has ended, and notes those
// that somebody will ask about.
#pragma once

#include <vector>

#include "accesslog/access_format.h"
#include "config/forward.h"
#include "telemetry/shared_stats.h"

namespace cgisrv::exchange {

class RequestStats {
 public:
  // Both arguments outlive it.
  RequestStats(telemetry::SharedStats& shared_stats, const config::Config& config);

  void accepted() { shared_stats_.traffic().connections.fetch_add(1, std::memory_order_relaxed); }
  // Clients should move elsewhere: responses say that they are the last of their connection.
  bool leaving() const { return shared_stats_.leaving(); }
  // An exchange has ended. `location`: null if the request was refused before it had one. `status`
  // 0: the client did not wait for the response.
  void count(const config::Location* location, int status, Clock::duration duration);
  // Whether it is worth a note: it failed, or took longer than others. `entry` is that of the
  // access log; its usage may still be missing.
  bool is_remarkable(const accesslog::AccessEntry& entry) const;
  // Notes `entry`, with its usage, if it is worth it.
  void note(const accesslog::AccessEntry& entry);

 private:
  telemetry::SharedStats& shared_stats_;
  telemetry::TrafficRow& unrouted_;           // of requests without a location
  std::vector<telemetry::TrafficRow*> rows_;  // by the location's number
};

}  // namespace cgisrv::exchange
