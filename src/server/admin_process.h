// The process that serves the admin listener: the server's own service and connections, with the
// pool's part taken by us. It reads shared memory and asks nobody anything, so whatever a client
// does to it concerns no other process.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/pool.h>

#include <optional>

#include "admission/table.h"
#include "event/signals.h"
#include "net/listener.h"
#include "process/roster.h"
#include "server/access_log.h"
#include "server/admin_pages.h"

namespace cgisrv::server {

class AdminProcess final : public pool::Worker {
 public:
  // Serves until nobody holds the other end of `lifeline`. All references outlive it.
  AdminProcess(net::Listener listener, Fd lifeline, const AdminOptions& options,
               const Reporter& reporter, admission::Table& table, telemetry::Board& board);

  int run();

  // ---- pool::Worker
  Loop& loop() override { return loop_; }
  unsigned index() const override { return 0; }
  void describe(std::string_view) override {}
  void check_finished() override {}
  void tell_master(std::string_view) override {}

 private:
  void seat_taken() override { ++connections_; }
  void seat_released() override { --connections_; }
  void listener_ready(std::uint32_t);
  void watch_listener(std::uint32_t);
  void look(std::uint32_t);
  void end(std::uint32_t) { loop_.stop(); }
  void on_signal(std::uint32_t) {}

  Loop loop_;
  Signals signals_;
  Timer look_;
  Timer again_;
  WatchedFd lifeline_;
  Fd listener_;
  Watch listener_watch_;
  unsigned connections_ = 0;
  // What a service needs, and pages do not.
  const Config config_;
  const std::vector<net::Address> addresses_;
  process::Roster roster_;
  admission::Table no_programs_;
  AccessLog access_log_;
  AdminPages pages_;
  Service service_;
};

}  // namespace cgisrv::server
