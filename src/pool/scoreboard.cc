#include "pool/scoreboard.h"

namespace cgisrv::pool {

void WorkerRow::clear() {
  heartbeats = 0;
  connections = 0;
  busy = 0;
  accepted = 0;
  starved = false;
  for (auto& taken_of_listener : tickets_taken)
    taken_of_listener = 0;
  doing.fill('\0');
}

WorkerRow* Scoreboard::take(unsigned& slot) {
  for (slot = 0; slot < slots_max; ++slot)
    if (WorkerRow& found = row(slot); !found.taken) {
      found.clear();
      found.state = State::down;
      found.pid = 0;
      found.restarts = 0;
      found.taken = true;
      return &found;
    }
  return nullptr;
}

std::vector<WorkerStatus> Scoreboard::workers() const {
  std::vector<WorkerStatus> found;
  for (unsigned slot = 0; slot < slots_max; ++slot) {
    const WorkerRow& each = row(slot);
    if (!each.taken) continue;
    found.push_back({.index = slot,
                     .pid = each.pid,
                     .state = reported(each.state),
                     .connections = each.connections,
                     .busy = each.busy,
                     .accepted = each.accepted,
                     .restarts = each.restarts,
                     .generation = each.generation});
  }
  return found;
}

PoolStatus Scoreboard::status() const {
  return {.alive_at = TimePoint(Clock::duration(master().alive_at)),
          .generation = master().generation,
          .deaths = master().deaths,
          .retirements = master().retirements};
}

}  // namespace cgisrv::pool
