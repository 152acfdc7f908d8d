// What master and workers tell each other through shared memory: counters that one side writes and
// the other reads, without calls and without locks. Whoever was forked from the master may read.
#pragma once

#include <cgisrv/pool.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "pool/lifecycle.h"

namespace cgisrv::pool {

// A slot: a worker has it from before its first start until it is not started again.
struct alignas(64) WorkerRow {
  // Written by the worker.
  std::atomic<std::uint32_t> heartbeats;   // grows while the worker is alive; only change counts
  std::atomic<std::uint32_t> connections;  // open now
  std::atomic<std::uint64_t> accepted;     // since it was started
  std::atomic<bool> starved;               // accept(2) failed for want of descriptors or memory
  std::array<std::atomic<std::uint32_t>, listeners_max> tickets_taken;
  std::array<char, 128> doing;  // last description; the reader copes with torn text
  // Written by the master.
  std::atomic<bool> taken;
  std::atomic<State> state;
  std::atomic<pid_t> pid;
  std::atomic<std::uint32_t> restarts;
  std::atomic<std::uint32_t> generation;

  // For a process that is about to start.
  void clear();
};

struct alignas(64) MasterRow {
  std::atomic<TimePoint::rep> alive_at;
  std::atomic<std::uint32_t> generation;
  std::atomic<std::uint64_t> deaths;
  std::atomic<std::uint64_t> retirements;
};

// One mapping, shared from before the first fork until the master ends.
class Scoreboard {
 public:
  Scoreboard();
  ~Scoreboard();
  Scoreboard(const Scoreboard&) = delete;
  Scoreboard& operator=(const Scoreboard&) = delete;

  WorkerRow& row(unsigned slot) { return shared_->workers[slot]; }
  const WorkerRow& row(unsigned slot) const { return shared_->workers[slot]; }
  MasterRow& master() { return shared_->master; }
  const MasterRow& master() const { return shared_->master; }

  // Takes a slot that nobody has, for the master; none is free: nothing.
  WorkerRow* take(unsigned& slot);

  std::vector<WorkerStatus> workers() const;
  PoolStatus status() const;

 private:
  struct Shared {
    MasterRow master;
    std::array<WorkerRow, slots_max> workers;
  };
  Shared* shared_;
};

}  // namespace cgisrv::pool
