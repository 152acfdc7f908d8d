#include "master/orphans.h"

#include <unistd.h>

#include <csignal>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "process/child.h"
#include "process/kin.h"

namespace cgisrv::master {

namespace {

// In checks. The same as the zygote manager's for zygotes that are to end: one may wait for
// programs that it serves.
constexpr unsigned timeout = 10;
constexpr unsigned patience_with_unserved = 2;
constexpr int manager_patience_ms = 1000;  // for one that has been killed

bool has_ended(const ParentOnly<Fd>& process) {
  return process::ends_within(process->get(), 0);
}

void kill(const ParentOnly<Fd>& process) {
  process::send_signal(process->get(), SIGKILL);
}

// The zygote manager wrote its table, and is less trusted than we are. No other process of the
// server leads a session.
bool may_be_zygote(pid_t pid) {
  return ::getsid(pid) == pid;
}

}  // namespace

Orphans::Orphans(Loop& loop, std::chrono::milliseconds interval)
    : interval_(interval), look_(loop, Callback::of<&Orphans::look>(*this)) {}

Orphans::~Orphans() {
  for (const ZygoteManager& zygote_manager : managers_)
    kill(zygote_manager.process);
  for (ZygoteManager& zygote_manager : managers_)
    if (process::ends_within(zygote_manager.process->get(), manager_patience_ms))
      adopt(*zygote_manager.zygotes);
  for (const Zygote& zygote : zygotes_)
    if (may_be_zygote(zygote.pid)) kill(zygote.process);
}

// A pid that was the zygote manager's child is our child now, or unused: the zygote manager takes
// it out of the table before it reaps.
void Orphans::adopt(warm::ZygoteTable& table) {
  for (auto& slot : table.slots) {
    const bool has_served = slot.has_served;
    const pid_t pid = slot.pid.exchange(0);
    if (!process::is_our_child(pid) || zygotes_.size() >= warm::ZygoteTable::slots_max) continue;
    Fd process = process::open_pidfd(pid);
    if (process) zygotes_.push_back({pid, ParentOnly(std::move(process)), has_served});
  }
  if (!zygotes_.empty() && !look_.armed()) look_.arm_after(interval_);
}

void Orphans::await_end(Fd zygote_manager, Shared<warm::ZygoteTable> zygotes) {
  if (!zygote_manager) return adopt(*zygotes);
  managers_.push_back({ParentOnly(std::move(zygote_manager)), std::move(zygotes)});
  if (!look_.armed()) look_.arm_after(interval_);
}

std::vector<pid_t> Orphans::zygotes() const {
  std::vector<pid_t> pids;
  for (const Zygote& zygote : zygotes_)
    if (!has_ended(zygote.process) && may_be_zygote(zygote.pid)) pids.push_back(zygote.pid);
  return pids;
}

void Orphans::look() {
  managers_.remove_if([this](ZygoteManager& zygote_manager) { return is_over(zygote_manager); });
  zygotes_.remove_if([](const Zygote& zygote) { return has_ended(zygote.process); });
  for (Zygote& zygote : zygotes_)
    judge(zygote);
  if (!managers_.empty() || !zygotes_.empty()) look_.arm_after(interval_);
}

bool Orphans::is_over(ZygoteManager& zygote_manager) {
  if (has_ended(zygote_manager.process)) {
    adopt(*zygote_manager.zygotes);
    return true;
  }
  if (++zygote_manager.looks == timeout)
    log::line(
        log::Level::warn,
        "a zygote manager of warm programs that are configured no more is killed: it has not ended "
        "by itself");
  if (zygote_manager.looks >= timeout) kill(zygote_manager.process);
  return false;
}

// It was told to go on and to end when its zygote manager died (warm/boot.cc), and its channels are
// closed. Even so it may be stopped again, or hang. One that waits for programs is left to report
// how they end; these have their own limits.
void Orphans::judge(Zygote& zygote) {
  const auto condemn = [&zygote](log::Level level, std::string_view why) {
    if (!std::exchange(zygote.is_condemned, true))
      log::line(level, "zygote {} is killed: its zygote manager has died, and {}", zygote.pid, why);
    kill(zygote.process);
  };
  if (!may_be_zygote(zygote.pid)) return;
  const bool is_stopped = process::is_stopped(zygote.pid);
  if (is_stopped && zygote.was_stopped) condemn(log::Level::warn, "it has been stopped (SIGSTOP)");
  zygote.was_stopped = is_stopped;
  const bool waits = zygote.has_served && process::may_have_running_children(zygote.pid);
  zygote.idle_looks = waits ? 0 : zygote.idle_looks + 1;
  if (zygote.idle_looks > (zygote.has_served ? timeout : patience_with_unserved))
    condemn(log::Level::info, "it has not ended by itself");
}

}  // namespace cgisrv::master
