// Statistics of the server's work, for its observers: shared memory, made by the master before its
// workers and kept until it ends.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/shared.h"
#include "telemetry/handshakes.h"
#include "telemetry/history.h"
#include "telemetry/http2_counts.h"
#include "telemetry/incidents.h"
#include "telemetry/presence.h"
#include "telemetry/traffic.h"

namespace cgisrv::telemetry {

class SharedStats {
 public:
  using Clock = std::chrono::steady_clock;

  SharedStats() { beat(); }

  Traffic& traffic() { return shared_->traffic; }
  Incidents& incidents() { return shared_->incidents; }
  History& history() { return shared_->history; }
  Handshakes& handshakes() { return shared_->handshakes; }
  Http2Counts& http2() { return shared_->http2; }

  // The master is alive; all others can read when it last said so.
  void beat() { shared_->beat = Clock::now().time_since_epoch(); }
  Clock::duration silence() const { return Clock::now().time_since_epoch() - shared_->beat.load(); }
  void count_reload(bool good) { ++(good ? shared_->reloads : shared_->reloads_failed); }
  std::uint64_t reloads() const { return shared_->reloads; }
  std::uint64_t reloads_failed() const { return shared_->reloads_failed; }
  // Written by the master alone.
  void be(Presence presence) { shared_->presence = presence; }
  Presence presence() const { return shared_->presence.load(std::memory_order_relaxed); }
  // Whether clients should move elsewhere.
  bool leaving() const { return presence() != Presence::here; }
  // Since the master made this.
  Clock::duration age() const { return Clock::now() - made_; }

 private:
  // Fresh pages are zero, and zeroed statistics are empty ones.
  struct Shared {
    std::atomic<Clock::duration> beat;
    std::atomic<std::uint64_t> reloads, reloads_failed;
    std::atomic<Presence> presence;
    Handshakes handshakes;
    Http2Counts http2;
    Traffic traffic;
    Incidents incidents;
    History history;
  };
  cgisrv::Shared<Shared> shared_;
  const Clock::time_point made_ = Clock::now();
};

}  // namespace cgisrv::telemetry
