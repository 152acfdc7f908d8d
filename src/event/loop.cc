#include <cgisrv/loop.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/check.h"

namespace cgisrv {

Loop::Loop(unsigned events_max) : epoll_(Fd(::epoll_create1(EPOLL_CLOEXEC))), events_(events_max) {
  if (!*epoll_) cannot_begin("epoll");
}

void Loop::run() {
  stopped_ = false;
  while (!stopped_) {
    const int count =
        ::epoll_wait(epoll_->get(), events_.data(), static_cast<int>(events_.size()), timeout_ms());
    CGISRV_CHECK(count >= 0 || errno == EINTR);
    now_ = Clock::now();
    for (int i = 0; i < count; ++i)
      dispatch(events_[static_cast<std::size_t>(i)]);
    run_timers();
    // destructors may dispose of other objects
    while (!graveyard_.empty())
      std::exchange(graveyard_, {}).clear();
  }
}

void Loop::dispatch(const epoll_event& event) {
  const auto index = static_cast<std::uint32_t>(event.data.u64);
  const auto generation = static_cast<std::uint32_t>(event.data.u64 >> 32);
  if (slots_[index].generation != generation) return;
  // A copy: the table may grow during the call.
  const WatchCallback handler = slots_[index].handler;
  handler(event.events);
}

std::uint32_t Loop::add(int fd, std::uint32_t events, WatchCallback handler) {
  std::uint32_t index = first_free_;
  if (index == no_slot) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    first_free_ = slots_[index].next_free;
  }
  slots_[index].handler = handler;
  epoll_event event{};
  event.events = events;
  event.data.u64 = (std::uint64_t{slots_[index].generation} << 32) | index;
  if (::epoll_ctl(epoll_->get(), EPOLL_CTL_ADD, fd, &event) == 0) return index;
  CGISRV_CHECK(errno == ENOMEM || errno == ENOSPC);
  remove(index);
  return no_slot;
}

void Loop::modify(std::uint32_t slot, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = (std::uint64_t{slots_[slot].generation} << 32) | slot;
  CGISRV_CHECK(::epoll_ctl(epoll_->get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void Loop::remove(std::uint32_t slot) {
  ++slots_[slot].generation;
  slots_[slot].next_free = first_free_;
  first_free_ = slot;
}

int Loop::timeout_ms() const {
  if (timers_.empty()) return -1;
  const auto wait =
      std::chrono::ceil<std::chrono::milliseconds>(timers_.front()->deadline_ - Clock::now());
  return static_cast<int>(std::clamp<long long>(wait.count(), 0, INT_MAX));
}

void Loop::run_timers() {
  // Terminates, since arm() puts timers set by handlers after now_, even at zero delay.
  while (!timers_.empty() && timers_.front()->deadline_ <= now_) {
    Timer& timer = *timers_.front();
    erase(timer);
    timer.handler_();
  }
}

void Loop::place(std::size_t at, Timer* timer) {
  timers_[at] = timer;
  timer->position_ = at;
}

void Loop::sift_up(std::size_t at) {
  Timer* const timer = timers_[at];
  for (; at > 0; at = (at - 1) / 2) {
    Timer* const parent = timers_[(at - 1) / 2];
    if (parent->deadline_ <= timer->deadline_) break;
    place(at, parent);
  }
  place(at, timer);
}

void Loop::sift_down(std::size_t at) {
  Timer* const timer = timers_[at];
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= timers_.size()) break;
    if (child + 1 < timers_.size() && timers_[child + 1]->deadline_ < timers_[child]->deadline_)
      ++child;
    if (timer->deadline_ <= timers_[child]->deadline_) break;
    place(at, timers_[child]);
    at = child;
  }
  place(at, timer);
}

void Loop::insert(Timer& timer) {
  timers_.push_back(&timer);
  sift_up(timers_.size() - 1);
}

void Loop::erase(Timer& timer) {
  const std::size_t at = timer.position_;
  timer.position_ = Timer::unarmed;
  Timer* const last = timers_.back();
  timers_.pop_back();
  if (last == &timer) return;
  place(at, last);
  sift_up(at);
  sift_down(last->position_);
}

Watch::Watch(Loop& loop, int fd, std::uint32_t events, WatchCallback handler)
    : loop_(&loop), fd_(fd), slot_(fd < 0 ? Loop::no_slot : loop.add(fd, events, handler)) {
  if (slot_ == Loop::no_slot) loop_ = nullptr;
}

Watch::Watch(Watch&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)), fd_(other.fd_), slot_(other.slot_) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    cancel();
    loop_ = std::exchange(other.loop_, nullptr);
    fd_ = other.fd_;
    slot_ = other.slot_;
  }
  return *this;
}

void Watch::modify(std::uint32_t events) {
  CGISRV_CHECK(loop_ != nullptr);
  loop_->modify(slot_, fd_, events);
}

void Watch::cancel() {
  if (loop_ == nullptr) return;
  ::epoll_ctl(loop_->epoll_->get(), EPOLL_CTL_DEL, fd_, nullptr);
  forget();
}

void Watch::forget() {
  if (loop_ == nullptr) return;
  loop_->remove(slot_);
  loop_ = nullptr;
}

void Timer::arm(TimePoint deadline) {
  deadline = std::max(deadline, loop_.now() + Clock::duration(1));
  if (!armed()) {
    deadline_ = deadline;
    loop_.insert(*this);
    return;
  }
  const bool earlier = deadline < deadline_;
  deadline_ = deadline;
  if (earlier) {
    loop_.sift_up(position_);
  } else {
    loop_.sift_down(position_);
  }
}

void Timer::disarm() {
  if (armed()) loop_.erase(*this);
}

}  // namespace cgisrv
