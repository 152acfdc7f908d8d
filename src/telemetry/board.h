// What is known of the server's work, for whoever watches it: shared memory, made by the master
// before its workers and kept until it ends.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "telemetry/history.h"
#include "telemetry/incidents.h"
#include "telemetry/traffic.h"

namespace cgisrv::telemetry {

class Board {
 public:
  using Clock = std::chrono::steady_clock;

  Board();
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  Traffic& traffic() { return shared_->traffic; }
  Incidents& incidents() { return shared_->incidents; }
  History& history() { return shared_->history; }

  // The master says that it is alive; everybody else can tell when it last did.
  void beat() { shared_->beat = Clock::now().time_since_epoch(); }
  Clock::duration silence() const { return Clock::now().time_since_epoch() - shared_->beat.load(); }
  void count_reload(bool good) { ++(good ? shared_->reloads : shared_->reloads_failed); }
  std::uint64_t reloads() const { return shared_->reloads; }
  std::uint64_t reloads_failed() const { return shared_->reloads_failed; }
  // Since the master made this.
  Clock::duration age() const { return Clock::now() - made_; }

 private:
  struct Shared {
    std::atomic<Clock::duration> beat;
    std::atomic<std::uint64_t> reloads, reloads_failed;
    Traffic traffic;
    Incidents incidents;
    History history;
  };
  Shared* shared_;
  const Clock::time_point made_ = Clock::now();
};

}  // namespace cgisrv::telemetry
