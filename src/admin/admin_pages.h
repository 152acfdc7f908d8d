// The admin listener's responses: the status page and its data, metrics, and health.
#pragma once

#include "admin/status_feed.h"
#include "config/config.h"
#include "exchange/host.h"

namespace cgisrv::admin {

class AdminPages final : public exchange::Host {
 public:
  // All arguments outlive it. `config`: the limits of this listener.
  AdminPages(pool::Worker& worker, const config::Config& config,
             const config::AdminOptions& options, const status::Reporter& reporter,
             admission::Table& table, telemetry::SharedStats& shared_stats)
      : Host(worker, config, nullptr),
        options_(options),
        reporter_(reporter),
        table_(table),
        shared_stats_(shared_stats),
        feed_(reporter, table, shared_stats) {}

  exchange::Routing route(exchange::Exchange&) override {
    return {.body_bytes_max = config().limits.body_size};
  }
  handler::HandlerPtr answer(exchange::Exchange& exchange, exchange::Routing& routing) override;
  // To be called every telemetry::History::interval.
  void poll() { feed_.poll(); }

 private:
  const config::AdminOptions& options_;
  const status::Reporter& reporter_;
  admission::Table& table_;
  telemetry::SharedStats& shared_stats_;
  StatusFeed feed_;
};

// Whether the host is one that the administrator means, and not another site's name pointed here
// (DNS rebinding). Pure.
bool is_admin_host(const config::AdminOptions& options, std::string_view host);

}  // namespace cgisrv::admin
