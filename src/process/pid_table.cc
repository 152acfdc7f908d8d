#include "process/pid_table.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <csignal>

#include "base/check.h"
#include "process/kin.h"

namespace cgisrv::process {

namespace {
// Slots are claimed from the front: one that was never claimed holds 0 and ends its row.
constexpr pid_t unused = -1;

bool is_below(pid_t pid, pid_t starter) {
  if (pid <= 1 || starter <= 1) return false;
  const pid_t parent = parent_of(pid);
  return parent == starter || (parent > 1 && parent_of(parent) == starter);
}
}  // namespace

PidTable::PidTable(unsigned workers, unsigned programs_per_worker)
    : per_worker_(programs_per_worker),
      slots_(shared_pages(workers * per_worker_ * sizeof(PidSlot))) {
  hold_spare();
}

void PidTable::hold_spare() {
  spare_.reset(::eventfd(0, EFD_CLOEXEC));
}

PidSlot* PidTable::row(unsigned worker) const {
  return static_cast<PidSlot*>(slots_.get()) + worker * per_worker_;
}

void PidTable::end_programs_of(unsigned worker, const std::vector<pid_t>& starters,
                               const std::function<void(pid_t)>& before) {
  const auto is_theirs = [&](pid_t pid) {
    return std::ranges::any_of(starters, [pid](pid_t starter) { return is_below(pid, starter); });
  };
  spare_.reset();
  for (std::size_t i = 0; i < per_worker_; ++i) {
    const pid_t pid = row(worker)[i].exchange(0);
    if (pid == 0) break;
    // The worker wrote this row, and is less trusted than we are. A number in it that is no orphan
    // of the worker's must not be killed by us, who may be root.
    if (!is_our_child(pid) && !is_theirs(pid)) continue;
    before(pid);
    if (::kill(-pid, SIGKILL) != 0) ::kill(pid, SIGKILL);
  }
  hold_spare();
}

void PidTable::use_row(unsigned worker) {
  mine_ = row(worker);
  spare_.reset();
}

PidSlotOwner PidTable::claim() {
  CGISRV_CHECK(mine_ != nullptr);
  if (!free_.empty()) {
    PidSlot* const slot = free_.back();
    free_.pop_back();
    return PidSlotOwner(slot, {this});
  }
  if (used_ == per_worker_) return {};
  PidSlot* const slot = mine_ + used_++;
  slot->store(unused, std::memory_order_release);
  return PidSlotOwner(slot, {this});
}

void VacatePidSlot::operator()(PidSlot* slot) const {
  slot->store(unused, std::memory_order_release);
  pid_table->free_.push_back(slot);
}

}  // namespace cgisrv::process
