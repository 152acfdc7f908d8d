// A worker process: takes tickets, accepts, and hands connections to its service.
#pragma once

#include <cgisrv/pool.h>

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/own_limits.h"
#include "base/rare_lines.h"
#include "event/signals.h"
#include "pool/channel.h"
#include "pool/protocol.h"
#include "pool/scoreboard.h"

namespace cgisrv::pool {

class WorkerProcess final : public Worker {
 public:
  struct Assignment {
    unsigned slot;
    unsigned ordinal;  // in its generation
  };
  // `channel` is this worker's end of the socketpair.
  WorkerProcess(const Options& options, Assignment assignment, std::vector<Fd>& listeners,
                Fd channel, WorkerRow& row);

  // Serves until told to stop or until the master is gone; returns the exit status.
  int run(const ServiceFactory& factory);

  Loop& loop() override { return loop_; }
  unsigned index() const override { return assignment_.slot; }
  unsigned ordinal() const override { return assignment_.ordinal; }
  void describe(std::string_view what) override;
  void check_finished() override;
  void count_busy(std::uint32_t connections) override {
    row_.busy.store(connections, std::memory_order_relaxed);
  }
  void retire() override { report(WorkerReport::worn); }
  void tell_master(std::string_view message) override;

 private:
  void connection_opened() override;
  void connection_closed() override;

  void channel_ready();
  void on_packet(std::string_view packet);
  void take_ticket(unsigned listener);
  void listener_ready();
  void watch_listeners();
  bool accept_one(unsigned listener);
  void accept_failed(int code);
  void on_signal(int number);
  void beat();
  void relieve();
  void recover();
  void report(WorkerReport report);
  void stop_listening();
  void accept_rest();
  bool is_listening() const;
  void drain(std::string_view ending, void (Service::*how)());
  void stop();
  bool has_room() const;

  const Options& options_;
  const Assignment assignment_;
  std::vector<Fd>& listeners_;  // the process's own copies
  std::vector<unsigned> accepts_per_ticket_;
  WorkerRow& row_;
  Loop loop_;
  Signals signals_;
  Channel channel_;
  std::vector<Watch> listener_watches_;  // dispatch = kernel only
  Timer heartbeat_;
  Timer recovery_;
  Timer crowd_;
  std::unique_ptr<Service> service_;
  bool was_full_ = false;
  log::RareLines starvation_{std::chrono::minutes(1)};
  bool draining_ = false;
  std::optional<OwnLimits> limits_;            // set from the first heartbeat on
  std::chrono::nanoseconds processor_time_{};  // at the last heartbeat
};

}  // namespace cgisrv::pool
