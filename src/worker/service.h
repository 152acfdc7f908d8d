// What one worker process runs: its clients' connections, the sites that answer them, and what
// programs need.
#pragma once

#include <cgisrv/pool.h>

#include <optional>
#include <string_view>
#include <vector>

#include "accesslog/access_log.h"
#include "admission/admission_client.h"
#include "auth/verifier.h"
#include "cgi/run_context.h"
#include "config/config.h"
#include "exchange/sites.h"
#include "http1/server.h"
#include "net/address.h"
#include "process/pid_table.h"
#include "tls/contexts.h"
#include "warm/zygotes.h"
#include "worker/listener_access.h"
#include "worker/proxy_stage.h"
#include "worker/tls_stage.h"

namespace cgisrv::worker {

// What a worker is given by its master. All that is referred to outlives the service.
struct Dependencies {
  const std::vector<net::Address>& addresses;  // of the listeners, in their order
  process::PidTable& pid_table;
  admission::Table& table;
  accesslog::AccessLog& access_log;
  rlimit descriptors;  // of programs
  // Of each listener; several can share one.
  std::vector<const config::ListenerOptions*> listeners;
  tls::Contexts* contexts = nullptr;               // null: no listener has TLS
  process::Cgroups* cgroups = nullptr;             // null: programs have none
  int zygote_manager = -1;                         // the workers' end; -1: none
  int password_checker = -1;                       // likewise
  telemetry::SharedStats* shared_stats = nullptr;  // null: nothing is counted
};

class Service final : public pool::Service {
 public:
  Service(pool::Worker& worker, const config::Config& config, Dependencies given);

  void accepted(pool::Connection connection) override;
  void crowded() override;
  void drain() override;
  void replaced() override;
  void stop() override;
  void on_message(std::string_view message) override;
  bool finished() const override { return runs_.reaper.idle() && sites_.idle(); }

 private:
  const config::ListenerOptions& options_of(unsigned listener) const {
    return *listeners_[listener];
  }
  void accepted_by_proxy(pool::Connection connection, std::unique_ptr<proxy::Proxied> proxied);
  void begin(pool::Connection connection, std::unique_ptr<net::Transport> transport,
             std::unique_ptr<proxy::Proxied> proxied);
  void follow_logs();

  accesslog::AccessLog& access_log_;
  Timer follow_logs_;
  admission::AdmissionClient admission_client_;
  cgi::RunContext runs_;
  std::optional<warm::Zygotes> zygotes_;
  std::optional<auth::Verifier> verifier_;
  exchange::Sites sites_;
  http1::Server connections_;  // what runs for a client needs all of the others
  const std::vector<const config::ListenerOptions*> listeners_;
  ListenerAccess listener_access_;
  ProxyStage proxy_stage_;
  TlsStage tls_stage_;
};

}  // namespace cgisrv::worker
