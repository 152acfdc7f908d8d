// What one worker process runs: its clients' connections, the sites that answer them, and what
// programs need.
#pragma once

#include <cgisrv/pool.h>

#include <array>
#include <optional>
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
#include "worker/proxy_listener.h"

namespace cgisrv::worker {

class Service final : public pool::Service {
 public:
  // `addresses` are those of the listeners, in their order. All references outlive the service.
  Service(pool::Worker& worker, const config::Config& config,
          const std::vector<net::Address>& addresses, process::PidTable& pid_table,
          admission::Table& table, accesslog::AccessLog& access_log, const rlimit& descriptors);

  void accepted(pool::Connection connection) override;
  void crowded() override;
  void drain() override;
  void replaced() override;
  void stop() override;
  void on_message(std::string_view message) override;
  bool finished() const override { return reaper_.idle() && sites_.idle(); }

  static constexpr std::size_t scratch_bytes = 64 * 1024;
  // Connections of these listeners begin with a header of the PROXY protocol: one value for each
  // listener, in their order.
  void use_proxy_protocol(std::vector<bool> listeners);
  // From now on programs are started warm if configured. `channel`: the workers' end.
  void use_zygote_manager(int channel);
  // From now on programs are confined to it.
  void use_cgroups(process::Cgroups& cgroups) { run_context_.cgroups = &cgroups; }
  // From now on passwords are checked. `channel`: the workers' end of the socket to the checker.
  void use_password_checker(int channel, const auth::Limits& limits);
  // From now on exchanges are counted and noted in `shared_stats`.
  void use_shared_stats(telemetry::SharedStats& shared_stats) {
    sites_.use_shared_stats(shared_stats);
  }

 private:
  void accepted_by_proxy(pool::Connection connection, std::unique_ptr<proxy::Proxied> proxied);
  void programs_gone();
  void make_room_for() { crowded(); }
  void follow_logs();

  pool::Worker& worker_;
  accesslog::AccessLog& access_log_;
  Timer follow_logs_;
  std::array<char, scratch_bytes> scratch_;
  admission::AdmissionClient admission_client_;
  process::Reaper reaper_;
  std::optional<warm::Zygotes> zygotes_;
  cgi::RunContext run_context_;
  std::optional<auth::Verifier> verifier_;
  exchange::Sites sites_;
  http1::Server connections_;  // what runs for a client needs all of the others
  std::vector<bool> with_proxy_protocol_;
  ProxyListener proxy_listener_;
  bool is_replaced_ = false;
};

}  // namespace cgisrv::worker
