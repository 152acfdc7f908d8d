#include "process/reaper.h"

#include <algorithm>
#include <csignal>

namespace cgisrv::process {

namespace {
// A group whose leader is gone has no descriptor to wait on.
constexpr auto group_poll = std::chrono::milliseconds(50);
}  // namespace

Reaper::Dying::Dying(Reaper& owner, Child process, Clock::duration grace_time)
    : reaper(owner),
      child(std::move(process)),
      group(child.pid()),
      grace(std::min(grace_time, owner.grace_max_)),
      watch(owner.loop_, child.exit_fd(), EPOLLIN, WatchCallback::of<&Dying::exited>(*this)),
      timer(owner.loop_, Callback::of<&Dying::poll>(*this)) {}

void Reaper::end(Child child, Clock::duration grace) {
  // A child that has just ended by itself, unnoticed, was not ended by us.
  if (child && !child.try_wait()) add(std::move(child), grace).terminate();
}

void Reaper::release(Child child, std::chrono::milliseconds timeout, Clock::duration grace) {
  if (!child) return;
  Dying& dying = add(std::move(child), grace);
  // Compared in the unit that can hold both.
  const bool for_ever =
      timeout > std::chrono::floor<std::chrono::milliseconds>(TimePoint::max() - loop_.now());
  dying.due = for_ever ? TimePoint::max() : loop_.now() + timeout;
  dying.arm();
}

void Reaper::hurry(Clock::duration grace) {
  grace_max_ = std::min(grace_max_, grace);
  for (Dying& dying : dying_) {
    dying.grace = std::min(dying.grace, grace);
    if (dying.stage == Stage::released) dying.terminate();
    if (dying.stage == Stage::terminated) dying.due = std::min(dying.due, loop_.now() + grace);
    dying.timer.arm_after(Clock::duration::zero());
  }
}

Reaper::Dying& Reaper::add(Child child, Clock::duration grace) {
  auto& dying = dying_.emplace_back(*this, std::move(child), grace);
  dying.self = std::prev(dying_.end());
  return dying;
}

// If it was confined and we ended it, nothing of it is left behind.
void Reaper::remove(Dying& dying) {
  if (dying.stage != Stage::released) dying.child.kill_confined();
  dying_.erase(dying.self);
  if (dying_.empty()) on_idle_();
}

void Reaper::Dying::exited() {
  if (!child.try_wait()) return;
  watch.forget();  // its pidfd has been closed
  poll();
}

void Reaper::Dying::poll() {
  if (child && !watch) child.try_wait();
  // A program that ended by itself may leave processes behind on purpose; one that we ended may
  // not. After KILL the rest of a group needs no watching: KILL cannot be resisted.
  if (!child && (stage != Stage::terminated || !group_exists(group))) return reaper.remove(*this);
  if (reaper.loop_.now() < due) return arm();
  stage == Stage::released ? terminate() : kill();
}

void Reaper::Dying::terminate() {
  stage = Stage::terminated;
  due = reaper.loop_.now() + grace;
  child.signal_group(SIGTERM);
  child.signal_group(SIGCONT);  // a stopped process could not die of TERM
  arm();
}

void Reaper::Dying::kill() {
  stage = Stage::killed;
  if (!child) ::kill(-group, SIGKILL);
  child.kill_confined();
  child.signal_group(SIGKILL);
  due = TimePoint::max();
  arm();
  // KILL cannot be resisted: a leader must be reaped, but a group without one needs no watching.
  if (!child) reaper.remove(*this);
}

// A leader's end is an event, unless the kernel lacked memory or a descriptor to watch it; a
// group's end never is.
void Reaper::Dying::arm() {
  if (!child || !watch) return timer.arm(std::min(due, reaper.loop_.now() + group_poll));
  if (due == TimePoint::max()) return timer.disarm();
  timer.arm(due);
}

}  // namespace cgisrv::process
