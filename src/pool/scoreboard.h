// What master and workers tell each other through shared memory: counters that one side writes and
// the other reads, without calls and without locks. Every child of the master may read them.
#pragma once

#include <cgisrv/pool.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "base/shared.h"
#include "pool/lifecycle.h"

namespace cgisrv::pool {

// A slot belongs to a worker from before its first start until it is not started again.
struct alignas(64) WorkerRow {
  // Written by the worker.
  std::atomic<std::uint32_t> heartbeats;   // grows while the worker is alive; only change counts
  std::atomic<std::uint32_t> connections;  // open now
  std::atomic<std::uint32_t> busy;         // of these, those with something under way
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
  WorkerRow& row(unsigned slot) { return shared_->workers[slot]; }
  const WorkerRow& row(unsigned slot) const { return shared_->workers[slot]; }
  MasterRow& master() { return shared_->master; }
  const MasterRow& master() const { return shared_->master; }

  // Called by the master: takes a free slot. Nothing if there is none.
  WorkerRow* take(unsigned& slot);

  std::vector<WorkerStatus> workers() const;
  PoolStatus status() const;

 private:
  // The kernel supplies zeros, the right initial value for every field. Unused rows take no memory.
  struct Shared {
    MasterRow master;
    std::array<WorkerRow, slots_max> workers;
  };
  cgisrv::Shared<Shared> shared_;
};

}  // namespace cgisrv::pool
