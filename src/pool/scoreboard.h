// What master and workers tell each other through shared memory: counters that one side writes and
// the other reads, without calls and without locks.
#pragma once

#include <cgisrv/pool.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>

namespace cgisrv::pool {

struct alignas(64) WorkerRow {
  std::atomic<std::uint32_t> heartbeats;   // grows while the worker is alive; only change counts
  std::atomic<std::uint32_t> connections;  // open now
  std::atomic<std::uint64_t> accepted;     // since it was started
  std::atomic<bool> starved;               // accept(2) failed for want of descriptors or memory
  std::array<std::atomic<std::uint32_t>, listeners_max> tickets_taken;
  std::array<char, 128> doing;  // last description; the reader copes with torn text

  void clear();
};

// One mapping, shared from before the first fork until the master ends.
class Scoreboard {
 public:
  explicit Scoreboard(unsigned workers);
  ~Scoreboard();
  Scoreboard(const Scoreboard&) = delete;
  Scoreboard& operator=(const Scoreboard&) = delete;

  WorkerRow& row(unsigned worker) { return rows_[worker]; }
  const WorkerRow& row(unsigned worker) const { return rows_[worker]; }

 private:
  unsigned workers_;
  WorkerRow* rows_;
};

}  // namespace cgisrv::pool
