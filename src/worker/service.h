// What one worker process runs: its clients' connections, the sites that answer them, and what
// programs need.
#pragma once

#include <cgisrv/pool.h>

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "accesslog/access_log.h"
#include "admission/admission_client.h"
#include "auth/verifier.h"
#include "cgi/run.h"
#include "config/config.h"
#include "exchange/sites.h"
#include "http1/server.h"
#include "net/address.h"
#include "process/pid_table.h"
#include "process/reaper.h"
#include "warm/zygotes.h"

namespace cgisrv::worker {

class Service final : public pool::Service {
 public:
  // `addresses` are those of the listeners, in their order. All references outlive the service.
  Service(pool::Worker& worker, const config::Config& config,
          const std::vector<net::Address>& addresses, process::PidTable& pid_table,
          admission::Table& table, accesslog::AccessLog& access_log, const rlimit& descriptors);

  void accepted(pool::Connection connection) override;
  void crowded() override { connections_.crowded(); }
  void drain() override { connections_.drain(); }
  void replaced() override { connections_.close_after_next(); }
  void stop() override;
  void on_message(std::string_view message) override;
  bool finished() const override { return reaper_.idle() && detached_runs_.idle(); }

  cgi::RunContext& run_context() { return run_context_; }
  std::span<char> scratch() { return scratch_; }
  // From now on programs are started warm if configured. `channel`: the workers' end.
  void use_zygote_manager(int channel);
  // From now on passwords are checked. `channel`: the workers' end of the socket to the checker.
  void use_password_checker(int channel, const auth::Limits& limits);
  // For `cgisrv exec`: see exchange::Sites.
  void skip_passwords() { sites_.skip_passwords(); }
  // From now on exchanges are counted and noted in `shared_stats`.
  void use_shared_stats(telemetry::SharedStats& shared_stats) {
    sites_.use_shared_stats(shared_stats);
  }

 private:
  void programs_gone();
  void make_room_for() { crowded(); }
  void follow_logs();

  pool::Worker& worker_;
  accesslog::AccessLog& access_log_;
  Timer follow_logs_;
  std::array<char, 64 * 1024> scratch_;
  admission::AdmissionClient admission_client_;
  process::Reaper reaper_;
  cgi::DetachedRuns detached_runs_;
  std::optional<warm::Zygotes> zygotes_;
  cgi::RunContext run_context_;
  std::optional<auth::Verifier> verifier_;
  exchange::Sites sites_;
  http1::Server connections_;  // last: what runs for a client needs all of the others
};

}  // namespace cgisrv::worker
