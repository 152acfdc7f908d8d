// The programs that each worker runs, in memory that the master shares: so that they can be ended
// when their worker dies without having done so itself.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace cgisrv::process {

// Holds the pid of a running program, which is also the id of its group; written by the program's
// own process before it can do anything else.
using PidSlot = std::atomic<pid_t>;

class Roster;

// One claimed slot; free again when this goes.
class RosterPlace {
 public:
  RosterPlace() = default;
  RosterPlace(Roster& roster, PidSlot* slot) : roster_(&roster), slot_(slot) {}
  RosterPlace(RosterPlace&& other) noexcept
      : roster_(other.roster_), slot_(std::exchange(other.slot_, nullptr)) {}
  RosterPlace& operator=(RosterPlace&& other) noexcept;
  ~RosterPlace() { release(); }

  PidSlot* slot() const { return slot_; }
  explicit operator bool() const { return slot_ != nullptr; }
  void release();

 private:
  Roster* roster_ = nullptr;
  PidSlot* slot_ = nullptr;
};

// Made by the master before its workers. The mapping costs memory only where it has been used.
class Roster {
 public:
  Roster(unsigned workers, unsigned programs_per_worker);
  ~Roster();
  Roster(const Roster&) = delete;
  Roster& operator=(const Roster&) = delete;

  // In the master, a subreaper, once the worker has been reaped: KILL to every program group that
  // it has left, as far as its leader is now our child. `starters`: others of our children, which
  // start programs for workers; their children and those of these are ended, too. `before` is
  // called for each leader before it is killed.
  void end_programs_of(
      unsigned worker, const std::vector<pid_t>& starters = {},
      const std::function<void(pid_t)>& before = [](pid_t) {});

  // In a worker, once: which row is its own.
  void use_row(unsigned worker);
  // Empty when all are taken.
  RosterPlace claim();

 private:
  friend class RosterPlace;
  PidSlot* row(unsigned worker) const;

  std::size_t per_worker_;
  std::size_t bytes_;
  PidSlot* slots_;
  PidSlot* mine_ = nullptr;
  std::size_t used_ = 0;        // slots of our row that were ever claimed
  std::vector<PidSlot*> free_;  // those of them that were given back
};

}  // namespace cgisrv::process
