#include "process/roster.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

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
// 0: there is no such process, or none to be seen.
pid_t parent_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string stat;
  std::getline(file, stat, '\0');
  const auto name_end = stat.rfind(')');  // "12 (name) S 1 ..."; a name may have all of that in it
  int parent = 0;
  if (name_end == stat.npos || std::sscanf(stat.c_str() + name_end, ") %*c %d", &parent) != 1)
    return 0;
  return parent;
}

bool is_below(pid_t pid, pid_t starter) {
  if (pid <= 1 || starter <= 1) return false;
  const pid_t parent = parent_of(pid);
  return parent == starter || (parent > 1 && parent_of(parent) == starter);
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

void Roster::end_programs_of(unsigned worker, const std::vector<pid_t>& starters,
                             const std::function<void(pid_t)>& before) {
  const auto is_theirs = [&](pid_t pid) {
    return std::ranges::any_of(starters, [pid](pid_t starter) { return is_below(pid, starter); });
  };
  for (std::size_t i = 0; i < per_worker_; ++i) {
    const pid_t pid = row(worker)[i].exchange(0);
    if (pid == 0) break;
    if (!is_our_child(pid) && !is_theirs(pid)) continue;
    before(pid);
    if (::kill(-pid, SIGKILL) != 0) ::kill(pid, SIGKILL);
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
