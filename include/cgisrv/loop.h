// One epoll set as the only event source of a process: sockets, pipes, signals (signalfd), child
// exits (pidfd) and timers. See epoll(7).
#pragma once

#include <cgisrv/fd.h>
#include <sys/epoll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace cgisrv {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// A member function to call: Callback::of<&Connection::socket_ready>(connection). `events` are
// those of epoll_event; 0 from a timer. Does not own the object.
struct Callback {
  void* object = nullptr;
  void (*call)(void* object, std::uint32_t events) = nullptr;

  template <auto method, typename T>
  static Callback of(T& object) {
    return {&object,
            [](void* self, std::uint32_t events) { (static_cast<T*>(self)->*method)(events); }};
  }
  void operator()(std::uint32_t events) const { call(object, events); }
};

class Timer;

class Loop {
 public:
  // `events_max` bounds one epoll_wait. Exits when the kernel has no descriptor for us.
  explicit Loop(unsigned events_max = 10'000);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Handles events until stop(). Bounded work per turn is the handlers' duty.
  void run();
  void stop() { stopped_ = true; }

  // Time at the start of this batch: cheap, and the same for everything that happens in it.
  TimePoint now() const { return now_; }

  // Frees the object when the batch is over, so that it may be on the call stack now.
  template <typename T>
  void dispose(std::unique_ptr<T> object) {
    graveyard_.emplace_back(object.release(), [](void* dead) { delete static_cast<T*>(dead); });
  }

  // In a child of fork(2): lets go of the parent's epoll set without changing it.
  void abandon() { epoll_.reset(); }

 private:
  friend class Watch;
  friend class Timer;

  // The kernel holds (index, generation), never a pointer: an event for a watch that ended earlier
  // in the same batch finds another generation and is dropped.
  struct Slot {
    Callback handler;
    std::uint32_t generation = 0;
    std::uint32_t next_free = 0;
  };

  std::uint32_t add(int fd, std::uint32_t events, Callback handler);  // no_slot: refused
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

  Fd epoll_;
  std::vector<epoll_event> events_;
  std::vector<Slot> slots_;
  std::uint32_t first_free_ = no_slot;
  std::vector<Timer*> timers_;  // binary heap by deadline
  std::vector<std::unique_ptr<void, void (*)(void*)>> graveyard_;
  TimePoint now_ = Clock::now();
  bool stopped_ = false;

  static constexpr std::uint32_t no_slot = UINT32_MAX;
};

// Registers a descriptor as long as it lives. Does not own the descriptor. False when there is
// none (-1), or the kernel refused (no memory, or fs.epoll.max_user_watches is reached).
class Watch {
 public:
  Watch() = default;
  Watch(Loop& loop, int fd, std::uint32_t events, Callback handler);
  Watch(Watch&& other) noexcept;
  Watch& operator=(Watch&& other) noexcept;
  ~Watch() { cancel(); }

  void modify(std::uint32_t events);
  // Stops watching; the descriptor stays open.
  void cancel();
  // Stops watching a descriptor that the caller closes next: the kernel forgets it by itself, which
  // saves a call. Only where no other process has it open.
  void forget();
  explicit operator bool() const { return loop_ != nullptr; }

 private:
  Loop* loop_ = nullptr;
  int fd_ = -1;
  std::uint32_t slot_ = 0;
};

// A descriptor of our own together with its watch.
class WatchedFd {
 public:
  WatchedFd() = default;
  WatchedFd(Loop& loop, Fd fd, std::uint32_t events, Callback handler)
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
  void reset() {
    watch_.forget();
    fd_.reset();
  }

 private:
  Fd fd_;
  Watch watch_;
};

// Calls its handler once when its deadline has passed. Arming again moves the deadline.
class Timer {
 public:
  Timer(Loop& loop, Callback handler) : loop_(loop), handler_(handler) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { disarm(); }

  // A deadline that has passed is due in the next turn of the loop, never in this one.
  void arm(TimePoint deadline);
  // From the start of this batch. What is too long for the clock, such as the max() of any unit:
  // never. Compared in the unit of `delay`, for that is where it fits.
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
