// A worker's service without a pool, one connection to it, and us at the other end.
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/pool.h>

#include <chrono>
#include <optional>
#include <vector>

#include "admission/table.h"
#include "event/signals.h"
#include "exec/client.h"
#include "exec/place.h"
#include "exec/record.h"
#include "exec/request.h"
#include "process/roster.h"
#include "server/access_log.h"
#include "server/service.h"

namespace cgisrv::exec {

class Session final : public pool::Worker {
 public:
  // `place` and `request` outlive the session. `descriptors`: the limits that programs get.
  Session(const Place& place, const Request& request, bool passes_on, const rlimit& descriptors);
  ~Session() override;

  // From now on a program is started warm where its configuration says so. Waits until there is a
  // zygote of the subject, but not for long. `channel`: the workers' end of that to the keeper.
  void use_keeper(int channel, const warm::Subject& subject);

  // Until the response is there and all that ran for it has ended. A signal (INT, TERM, HUP) ends
  // the program and its group; its number is returned then, else 0.
  int run();

  const Record& record() const { return record_; }
  const Response& response() const { return client_->response(); }
  // From the request to the end of its response, or to the signal.
  std::chrono::microseconds took() const { return took_; }

  // ---- pool::Worker
  Loop& loop() override { return loop_; }
  unsigned index() const override { return 0; }
  void describe(std::string_view) override {}
  void check_finished() override { check(0); }
  void tell_master(std::string_view) override {}

 private:
  void seat_taken() override {}
  void seat_released() override {}
  void connect();
  void answered(std::uint32_t);
  void stop_the_clock();
  void interrupted(std::uint32_t signal);
  void check(std::uint32_t);
  void say_what_we_wait_for(std::uint32_t);

  const Place& place_;
  const Request& request_;
  Loop loop_;
  Signals signals_;
  Timer check_timer_;
  Timer wait_timer_;
  Record record_;
  std::vector<net::Address> addresses_;
  process::Roster roster_;
  admission::Table table_;
  server::AccessLog access_log_;
  server::Service service_;
  std::optional<Client> client_;
  TimePoint began_{};
  std::chrono::microseconds took_{};
  int signal_ = 0;
};

}  // namespace cgisrv::exec
