// A manager's zygotes, in memory shared with the master, so that the master can end those that
// outlive the manager and do not end by themselves.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace cgisrv::warm {

// Written by the manager. The master reads it when the manager has died.
struct ZygoteTable {
  // A zygote that finds no slot is just not watched.
  static constexpr std::size_t slots_max = 256;
  struct Slot {
    std::atomic<pid_t> pid;  // 0: free
    std::atomic<bool> has_served;
  };
  struct Vacate {
    void operator()(Slot* slot) const { slot->pid = 0; }
  };
  // A zygote's slot; freed by its destruction.
  using Place = std::unique_ptr<Slot, Vacate>;

  // Called by the manager. The slot counts as taken once its pid is set. Null: all are taken.
  Place claim() {
    for (Slot& slot : slots)
      if (slot.pid == 0) {
        slot.has_served = false;
        return Place(&slot);
      }
    return nullptr;
  }

  std::array<Slot, slots_max> slots;
};

}  // namespace cgisrv::warm
