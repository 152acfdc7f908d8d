// Ends programs that are no longer wanted, and reaps those nobody waits for.
#pragma once

#include <cgisrv/loop.h>

#include <list>

#include "process/child.h"

namespace cgisrv::process {

class Reaper {
 public:
  // `on_idle` is called when the last child is gone.
  Reaper(Loop& loop, Callback on_idle) : loop_(loop), on_idle_(on_idle) {}

  // TERM to the group now, KILL to the rest of it after `grace`.
  void end(Child child, Clock::duration grace);
  // Lets it run to its end, at most for `timeout` (max(): for ever), then as end().
  void release(Child child, std::chrono::milliseconds timeout, Clock::duration grace);

  // From now on no grace is longer than this (a fast stop).
  void hurry(Clock::duration grace);
  bool idle() const { return dying_.empty(); }

 private:
  // released -> terminated -> killed; from any of them, gone when the leader has been reaped and
  // its group is empty.
  enum class Stage { released, terminated, killed };
  struct Dying {
    Dying(Reaper& reaper, Child child, Clock::duration grace);
    void exited();
    void poll();
    void terminate();
    void kill();
    void arm();

    Reaper& reaper;
    Child child;
    pid_t group;
    Stage stage = Stage::released;
    Clock::duration grace;
    TimePoint due{};  // when the next stage begins; max(): never
    Watch watch;
    Timer timer;
    std::list<Dying>::iterator self;
  };

  Dying& add(Child child, Clock::duration grace);
  void remove(Dying& dying);

  Loop& loop_;
  Callback on_idle_;
  std::list<Dying> dying_;
  Clock::duration grace_max_ = Clock::duration::max();
};

}  // namespace cgisrv::process
