// The programs that each worker runs, in memory shared with the master, so that the master can end
// them when their worker dies without having done so.
#pragma once

#include <cgisrv/fd.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/shared.h"

namespace cgisrv::process {

// Holds the pid of a running program, which is also the id of its group. The program's own process
// writes it before it can do anything else.
using PidSlot = std::atomic<pid_t>;

class PidTable;

struct VacatePidSlot {
  PidTable* pid_table = nullptr;
  void operator()(PidSlot* slot) const;
};
// One claimed slot; freed by its destruction.
using PidSlotOwner = std::unique_ptr<PidSlot, VacatePidSlot>;

// Made by the master before its workers. Only used parts of the mapping cost memory.
class PidTable {
 public:
  PidTable(unsigned workers, unsigned programs_per_worker);
  PidTable(const PidTable&) = delete;
  PidTable& operator=(const PidTable&) = delete;

  // In the master, a subreaper, once the worker has been reaped: KILL to every program group that
  // it has left, if the leader is now our child. `starters`: other children of ours that start
  // programs for workers; their children and grandchildren are ended, too. `before` is called for
  // each leader before it is killed.
  void end_programs_of(
      unsigned worker, const std::vector<pid_t>& starters = {},
      const std::function<void(pid_t)>& before = [](pid_t) {});

  // In a worker, once: sets its own row.
  void use_row(unsigned worker);
  // Empty when all are taken.
  PidSlotOwner claim();

 private:
  friend struct VacatePidSlot;
  PidSlot* row(unsigned worker) const;
  void hold_spare();

  std::size_t per_worker_;
  SharedPages slots_;  // zeroed pages are empty slots
  Fd spare_;           // for checks of processes, which briefly need a descriptor
  PidSlot* mine_ = nullptr;
  std::size_t used_ = 0;        // slots of our row that were ever claimed
  std::vector<PidSlot*> free_;  // those of them that were given back
};

}  // namespace cgisrv::process
