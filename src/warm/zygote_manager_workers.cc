// The manager's messages to the workers, and their receivers.
#include <algorithm>

#include "base/packet.h"
#include "warm/zygote_process.h"

namespace cgisrv::warm {

namespace {
constexpr auto ended_kept_for = std::chrono::seconds(10);  // pids are not reused sooner
constexpr std::size_t ended_max = 1024;
}  // namespace

ZygoteManager::Subscriber::Subscriber(ZygoteManager& owner, Fd fd)
    : manager(owner),
      socket(owner.loop_, std::move(fd), 0, WatchCallback::of<&Subscriber::gone>(*this)) {}

// No message ever arrives there: the worker has gone.
void ZygoteManager::Subscriber::gone() {
  manager.subscribers_.erase(self);
}

ManagerMessage ZygoteManager::make_message(ManagerMessage::Kind kind, const ZygoteKey& key,
                                           const ManagedZygote& managed) const {
  ManagerMessage made{.kind = kind, .key = key};
  if (kind == ManagerMessage::Kind::refused) {
    made.stamp = managed.refusal.script;
    made.reason = managed.refusal.reason;
  } else if (managed.serving) {
    made.stamp = managed.serving->script();
    made.generation = managed.serving->generation();
  }
  return made;
}

// A worker that has long not read would use outdated zygotes. Its socket is closed; the worker then
// forgets all that it knows, and subscribes anew.
void ZygoteManager::tell_all(const ManagerMessage& message, int descriptor) {
  count_due_.arm_after(Clock::duration::zero());  // the change takes place in this turn
  subscribers_.remove_if([&](const Subscriber& subscriber) {
    return !send_message(subscriber.socket.get(), message, descriptor);
  });
}

bool ZygoteManager::tell_what_there_is(const Subscriber& subscriber) const {
  return std::ranges::all_of(managed_, [&](const auto& each) {
    const auto& [key, managed] = each;
    return !managed.serving ||
           send_message(subscriber.socket.get(),
                        make_message(ManagerMessage::Kind::zygote, key, managed),
                        managed.serving->control());
  });
}

void ZygoteManager::remember_end(pid_t pid, int status, const rusage& usage) {
  ended_.push_back({loop_.now(), pid, status, usage});
  if (awaited_.erase(pid) > 0) tell(ended_.back());
  while (ended_.size() > ended_max || loop_.now() - ended_.front().when > ended_kept_for)
    ended_.pop_front();
}

// The worker has seen its end; we may not have reaped it yet.
void ZygoteManager::tell_end(pid_t pid) {
  reap();
  const auto latest = std::find_if(ended_.rbegin(), ended_.rend(), [&](const Ended& each) {
    return each.pid == pid && loop_.now() - each.when <= ended_kept_for;
  });
  if (latest != ended_.rend()) return tell(*latest);
  if (awaited_.size() >= ended_max) awaited_.clear();
  awaited_.insert(pid);
}

void ZygoteManager::tell(const Ended& ended) {
  tell_all({.kind = ManagerMessage::Kind::ended,
            .pid = ended.pid,
            .status = ended.status,
            .usage = ended.usage});
}

}  // namespace cgisrv::warm
