// A worker process: takes tickets, accepts, and hands connections to its service.
#pragma once

#include <cgisrv/pool.h>

#include <memory>
#include <string_view>
#include <vector>

#include "event/signals.h"
#include "pool/channel.h"
#include "pool/protocol.h"
#include "pool/scoreboard.h"

namespace cgisrv::pool {

class WorkerProcess final : public Worker {
 public:
  struct Place {
    unsigned slot;
    unsigned ordinal;  // in its generation
  };
  // `channel` is this worker's end of the socketpair.
  WorkerProcess(const Options& options, Place place, std::vector<Fd>& listeners, Fd channel,
                WorkerRow& row);

  // Serves until told to stop or until the master is gone; returns the exit status.
  int run(const ServiceFactory& factory);

  Loop& loop() override { return loop_; }
  unsigned index() const override { return place_.slot; }
  unsigned ordinal() const override { return place_.ordinal; }
  void describe(std::string_view what) override;
  void check_finished() override;
  void retire() override { report(Report::worn); }
  void tell_master(std::string_view message) override;

 private:
  void seat_taken() override;
  void seat_released() override;

  void channel_ready(std::uint32_t events);
  void on_packet(std::string_view packet);
  void take_ticket(unsigned listener);
  void listener_ready(std::uint32_t events);
  void watch_listeners();
  bool accept_one(unsigned listener);
  void accept_failed(int code);
  void on_signal(std::uint32_t number);
  void beat(std::uint32_t);
  void recover(std::uint32_t);
  void report(Report report);
  void stop_listening();
  void drain(void (Service::*how)());
  void stop();
  bool has_room() const;

  const Options& options_;
  const Place place_;
  std::vector<Fd>& listeners_;  // the process's own copies
  std::vector<unsigned> accepts_per_ticket_;
  WorkerRow& row_;
  Loop loop_;
  Signals signals_;
  Channel channel_;
  std::vector<Watch> listener_watches_;  // dispatch = kernel only
  Timer heartbeat_;
  Timer recovery_;
  std::unique_ptr<Service> service_;
  bool was_full_ = false;
  bool starvation_told_ = false;  // and no connection was accepted since
  bool draining_ = false;
};

}  // namespace cgisrv::pool
