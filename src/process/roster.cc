#include "process/roster.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>

#include "base/check.h"

namespace cgisrv::process {

namespace {
// Slots are claimed from the front: one that was never claimed holds 0 and ends its row.
constexpr pid_t unused = -1;

// The row was the worker's to write, and the worker is less trusted than we are: a number in it
// that is no orphan of its must not be killed by us, who may be root. Reaps nothing.
bool is_our_child(pid_t pid) {
  siginfo_t info;
  return pid > 1 &&
         ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}
}  // namespace

Roster::Roster(unsigned workers, unsigned programs_per_worker)
    : per_worker_(programs_per_worker), bytes_(workers * per_worker_ * sizeof(PidSlot)) {
  void* const memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CGISRV_CHECK(memory != MAP_FAILED);
  slots_ = static_cast<PidSlot*>(memory);  // zero pages are slots that hold 0
}

Roster::~Roster() {
  ::munmap(slots_, bytes_);
}

PidSlot* Roster::row(unsigned worker) const {
  return slots_ + worker * per_worker_;
}

void Roster::end_programs_of(unsigned worker) {
  for (std::size_t i = 0; i < per_worker_; ++i) {
    const pid_t pid = row(worker)[i].exchange(0);
    if (pid == 0) break;
    if (is_our_child(pid) && ::kill(-pid, SIGKILL) != 0) ::kill(pid, SIGKILL);
  }
}

void Roster::use_row(unsigned worker) {
  mine_ = row(worker);
}

RosterPlace Roster::claim() {
  CGISRV_CHECK(mine_ != nullptr);
  if (!free_.empty()) {
    PidSlot* const slot = free_.back();
    free_.pop_back();
    return {*this, slot};
  }
  if (used_ == per_worker_) return {};
  PidSlot* const slot = mine_ + used_++;
  slot->store(unused, std::memory_order_release);
  return {*this, slot};
}

RosterPlace& RosterPlace::operator=(RosterPlace&& other) noexcept {
  if (this != &other) {
    release();
    roster_ = other.roster_;
    slot_ = std::exchange(other.slot_, nullptr);
  }
  return *this;
}

void RosterPlace::release() {
  PidSlot* const slot = std::exchange(slot_, nullptr);
  if (slot == nullptr) return;
  slot->store(unused, std::memory_order_release);
  roster_->free_.push_back(slot);
}

}  // namespace cgisrv::process
