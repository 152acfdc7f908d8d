// The process that serves the admin listener: a worker's connections with other responses, and its
// own implementation of the pool's part. It reads shared memory and asks no other process, so
// clients cannot affect one.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/pool.h>

#include <array>
#include <optional>
#include <vector>

#include "admin/admin_pages.h"
#include "admin/agent.h"
#include "admission/table.h"
#include "config/config.h"
#include "event/signals.h"
#include "http1/server.h"
#include "net/listener.h"
#include "worker/tls_stage.h"

namespace cgisrv::admin {

class AdminProcess final : public pool::Worker {
 public:
  // Serves until all other ends of `lifeline` are closed. All references outlive it. `contexts`:
  // null without TLS.
  AdminProcess(net::Listener listener, tls::Contexts* contexts, Fd lifeline,
               const config::AdminOptions& options, const status::Reporter& reporter,
               admission::Table& table, telemetry::SharedStats& shared_stats);

  // To be called before run(): HAProxy asks there.
  void serve_agent(Fd listener, bool has_warm_programs);
  int run();

  // ---- pool::Worker
  Loop& loop() override { return loop_; }
  unsigned index() const override { return 0; }
  void describe(std::string_view) override {}
  void check_finished() override {}
  void tell_master(std::string_view) override {}

 private:
  void connection_opened() override { ++connections_; }
  void connection_closed() override { --connections_; }
  void listener_ready();
  void watch_listener();
  void poll();
  void end() { loop_.stop(); }
  void on_signal(int) {}

  Loop loop_;
  Signals signals_;
  Timer poll_timer_;
  Timer again_;
  WatchedFd lifeline_;
  Fd listener_;
  Watch listener_watch_;
  unsigned connections_ = 0;
  const config::Config config_;
  const std::vector<net::Address> addresses_;
  std::array<char, 16 * 1024> scratch_;
  const status::Reporter& reporter_;
  const telemetry::SharedStats& shared_stats_;
  AdminPages pages_;
  http1::Server clients_;
  const bool has_tls_;
  worker::TlsStage tls_stage_;
  std::optional<Agent> agent_;
};

}  // namespace cgisrv::admin
