// What the admin listener answers: the status page and what it is drawn from, metrics, and health.
#pragma once

#include <memory>

#include "server/service.h"
#include "server/status_feed.h"

namespace cgisrv::server {

class AdminPages final : public Pages {
 public:
  // All of them outlive it.
  AdminPages(const AdminOptions& options, const Reporter& reporter, admission::Table& table,
             telemetry::Board& board)
      : options_(options),
        reporter_(reporter),
        table_(table),
        board_(board),
        feed_(reporter, table, board) {}

  std::unique_ptr<http::Handler> answer(Connection& connection) override;
  // To be called every telemetry::History::interval.
  void look() { feed_.look(); }

 private:
  const AdminOptions& options_;
  const Reporter& reporter_;
  admission::Table& table_;
  telemetry::Board& board_;
  StatusFeed feed_;
};

// Whether a page of that host is what the administrator means, and no other site's that has its
// name point here (DNS rebinding). Pure.
bool is_admin_host(const AdminOptions& options, std::string_view host);

}  // namespace cgisrv::server
