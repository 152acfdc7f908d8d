// What answers requests in a worker, without a pool: one connection to it, and us at the other end.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/pool.h>

#include <chrono>
#include <optional>
#include <vector>

#include "cgi/run_context.h"
#include "event/signals.h"
#include "exchange/sites.h"
#include "exec/client.h"
#include "exec/record.h"
#include "exec/request.h"
#include "exec/resolved_request.h"
#include "http1/server.h"
#include "process/pid_table.h"
#include "warm/zygotes.h"

namespace cgisrv::exec {

class Session final : public pool::Worker {
 public:
  // `resolved` and `request` outlive the session. `descriptors`: the programs' limit.
  Session(const ResolvedRequest& resolved, const ExecRequest& request, bool passes_on,
          const rlimit& descriptors);
  ~Session() override;

  // From now on a program is started warm if so configured. Waits for a zygote of the key, but not
  // for long. `channel`: the workers' end of that to the zygote manager.
  void use_zygote_manager(int channel, const warm::ZygoteKey& key);

  // Returns when the response is there and all that ran for it has ended. A signal (INT, TERM, HUP)
  // ends the program and its group; then returns its number, else 0.
  int run();

  const Record& record() const { return record_; }
  const Response& response() const { return client_->response(); }
  // From the request to the end of its response, or to the signal.
  std::chrono::microseconds took() const { return took_; }

  // ---- pool::Worker
  Loop& loop() override { return loop_; }
  unsigned index() const override { return 0; }
  void describe(std::string_view) override {}
  void check_finished() override { check(); }
  void tell_master(std::string_view) override {}

 private:
  void connection_opened() override {}
  void connection_closed() override {}
  void connect();
  void answered();
  void stop_the_clock();
  void interrupted(int signal);
  void check();
  void say_what_we_wait_for();

  const ResolvedRequest& resolved_;
  const ExecRequest& request_;
  Loop loop_;
  Signals signals_;
  Timer check_timer_;
  Timer wait_timer_;
  Record record_;
  std::vector<net::Address> addresses_;
  process::PidTable pid_table_;
  cgi::RunContext runs_;
  std::optional<warm::Zygotes> zygotes_;
  exchange::Sites sites_;
  http1::Server connections_;
  std::optional<Client> client_;
  TimePoint began_{};
  std::chrono::microseconds took_{};
  int signal_ = 0;
};

}  // namespace cgisrv::exec
