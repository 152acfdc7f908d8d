// One epoll set as the only event source of a process: sockets, pipes, signals (signalfd), child
// exits (pidfd) and timers. See epoll(7). A forked child closes its copy (parent_only.h): the set
// is shared, so any change that the child made would change the parent's.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/parent_only.h>
#include <sys/epoll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

namespace cgisrv {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// A member function to call: Callback::of<&Connection::idle_for_too_long>(connection). Does not own
// the object. The function may leave out the argument.
template <typename... Argument>
struct CallbackWith {
  void* object = nullptr;
  void (*call)(void* object, Argument... argument) = nullptr;

  template <auto method, typename T>
  static CallbackWith of(T& object) {
    return {&object, [](void* self, Argument... argument) {
              if constexpr (std::is_invocable_v<decltype(method), T&, Argument...>) {
                (static_cast<T*>(self)->*method)(argument...);
              } else {
                (static_cast<T*>(self)->*method)();
              }
            }};
  }
  void operator()(Argument... argument) const { call(object, argument...); }
};

using Callback = CallbackWith<>;
using WatchCallback = CallbackWith<std::uint32_t>;  // the events, as in epoll_event

class Timer;

class Loop {
 public:
  // `events_max` bounds one epoll_wait. Exits if the kernel has no descriptor left.
  explicit Loop(unsigned events_max = 10'000);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Handles events until stop(). Handlers must bound their work per turn.
  void run();
  void stop() { stopped_ = true; }

  // Time at the start of this batch: cheap, and the same for all its events.
  TimePoint now() const { return now_; }

  // Frees the object after this batch, so that it may be on the call stack now.
  template <typename T>
  void dispose(std::unique_ptr<T> object) {
    graveyard_.emplace_back(object.release(), [](void* dead) { delete static_cast<T*>(dead); });
  }

 private:
  friend class Watch;
  friend class Timer;

  // The kernel holds (index, generation), never a pointer. An event for a watch that ended earlier
  // in the same batch has an old generation and is dropped.
  struct Slot {
    WatchCallback handler;
    std::uint32_t generation = 0;
    std::uint32_t next_free = 0;
  };

  std::uint32_t add(int fd, std::uint32_t events, WatchCallback handler);  // no_slot: refused
  void modify(std::uint32_t slot, int fd, std::uint32_t events);
  void remove(std::uint32_t slot);
  int timeout_ms() const;
  void dispatch(const epoll_event& event);
  void run_timers();
  void place(std::size_t at, Timer* timer);
  void sift_up(std::size_t at);
  void sift_down(std::size_t at);
  void insert(Timer& timer);
  void erase(Timer& timer);

  ParentOnly<Fd> epoll_;
  std::vector<epoll_event> events_;
  std::vector<Slot> slots_;
  std::uint32_t first_free_ = no_slot;
  std::vector<Timer*> timers_;  // binary heap by deadline
  std::vector<std::unique_ptr<void, void (*)(void*)>> graveyard_;
  TimePoint now_ = Clock::now();
  bool stopped_ = false;

  static constexpr std::uint32_t no_slot = UINT32_MAX;
};

// Watches a descriptor for as long as this object lives. Does not own the descriptor. False when
// there is none (-1), or the kernel refused (no memory, or fs.epoll.max_user_watches is reached).
class Watch {
 public:
  Watch() = default;
  Watch(Loop& loop, int fd, std::uint32_t events, WatchCallback handler);
  Watch(Watch&& other) noexcept;
  Watch& operator=(Watch&& other) noexcept;
  ~Watch() { cancel(); }

  void modify(std::uint32_t events);
  // Stops watching; the descriptor stays open.
  void cancel();
  // Stops watching a descriptor that the caller closes next. The kernel removes it on close, which
  // saves a call; only where no other process has it open.
  void forget();
  explicit operator bool() const { return loop_ != nullptr; }

 private:
  Loop* loop_ = nullptr;
  int fd_ = -1;
  std::uint32_t slot_ = 0;
};

// A descriptor that we own, together with its watch.
class WatchedFd {
 public:
  WatchedFd() = default;
  WatchedFd(Loop& loop, Fd fd, std::uint32_t events, WatchCallback handler)
      : fd_(std::move(fd)), watch_(loop, fd_.get(), events, handler) {}
  WatchedFd(WatchedFd&&) noexcept = default;
  WatchedFd& operator=(WatchedFd&& other) noexcept {
    reset();
    fd_ = std::move(other.fd_);
    watch_ = std::move(other.watch_);
    return *this;
  }
  ~WatchedFd() { reset(); }

  int get() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(watch_); }
  void modify(std::uint32_t events) { watch_.modify(events); }
  // Stops watching; the descriptor is the caller's.
  Fd release() {
    watch_.cancel();
    return std::move(fd_);
  }
  void reset() {
    watch_.forget();
    fd_.reset();
  }

 private:
  Fd fd_;
  Watch watch_;
};

// Calls its handler once, after its deadline. Arming again moves the deadline.
class Timer {
 public:
  Timer(Loop& loop, Callback handler) : loop_(loop), handler_(handler) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { disarm(); }

  // A deadline in the past fires in the next turn of the loop, never in this one.
  void arm(TimePoint deadline);
  // From the start of this batch. A delay too long for the clock, such as the max() of any unit,
  // means never. The comparison is in the unit of `delay`, which can hold it.
  template <typename Rep, typename Period>
  void arm_after(std::chrono::duration<Rep, Period> delay) {
    using Delay = std::chrono::duration<Rep, Period>;
    if (delay > std::chrono::duration_cast<Delay>(TimePoint::max() - loop_.now())) return disarm();
    arm(loop_.now() + delay);
  }
  void disarm();
  bool armed() const { return position_ != unarmed; }
  TimePoint deadline() const { return deadline_; }
  Loop& loop() const { return loop_; }

 private:
  friend class Loop;
  static constexpr std::size_t unarmed = SIZE_MAX;

  Loop& loop_;
  Callback handler_;
  TimePoint deadline_{};
  std::size_t position_ = unarmed;  // in the loop's heap
};

}  // namespace cgisrv
