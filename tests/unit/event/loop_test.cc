#include <cgisrv/loop.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <utility>

#include "../run_until.h"

namespace cgisrv {
namespace {

// A pipe whose reading end is always ready, or becomes so with fill().
struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  void fill() const { EXPECT_EQ(::write(in.get(), "x", 1), 1); }
  Fd out, in;
};

// What a handler does is each test's own.
struct Handler {
  std::function<void(std::uint32_t)> act = [](std::uint32_t) {};
  void call(std::uint32_t events) { act(events); }
  WatchCallback callback() { return WatchCallback::of<&Handler::call>(*this); }
};

TEST(Loop, CallsTheHandlerWithTheEvents) {
  Loop loop;
  const Pipe pipe;
  pipe.fill();
  std::uint32_t seen = 0;
  Handler handler{[&](std::uint32_t events) {
    seen = events;
    loop.stop();
  }};
  const Watch watch(loop, pipe.out.get(), EPOLLIN, handler.callback());
  loop.run();
  EXPECT_EQ(seen, static_cast<std::uint32_t>(EPOLLIN));
}

TEST(Loop, ModifyChangesWhatIsWaitedFor) {
  Loop loop;
  const Pipe pipe;
  int writable = 0;
  Handler handler{[&](std::uint32_t events) {
    writable += (events & EPOLLOUT) != 0;
    loop.stop();
  }};
  Watch watch(loop, pipe.in.get(), 0, handler.callback());
  run_for(loop, std::chrono::milliseconds(5));
  EXPECT_EQ(writable, 0);
  watch.modify(EPOLLOUT);
  loop.run();
  EXPECT_EQ(writable, 1);
}

TEST(Loop, MovedWatchStillWatchesAndCancelledOneDoesNot) {
  Loop loop;
  const Pipe pipe;
  pipe.fill();
  int calls = 0;
  Handler handler{[&](std::uint32_t) { ++calls; }};
  Watch first(loop, pipe.out.get(), EPOLLIN, handler.callback());
  Watch second(std::move(first));
  EXPECT_FALSE(first);
  EXPECT_TRUE(run_until(loop, [&] { return calls > 0; }));
  second.cancel();
  EXPECT_FALSE(second);
  const int before = calls;
  run_for(loop, std::chrono::milliseconds(5));
  EXPECT_EQ(calls, before);
}

TEST(Loop, EventOfAWatchThatEndedInTheSameBatchIsDropped) {
  Loop loop;
  const std::array<Pipe, 2> pipes;
  std::array<Watch, 2> watches;
  std::array<Handler, 2> handlers;
  int calls = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    handlers[i].act = [&, i](std::uint32_t) {
      ++calls;
      watches[1 - i].cancel();
      loop.stop();
    };
    pipes[i].fill();
    watches[i] = Watch(loop, pipes[i].out.get(), EPOLLIN, handlers[i].callback());
  }
  loop.run();
  EXPECT_EQ(calls, 1);
}

// The new watch gets the place of the one that ended; the event is not for it.
TEST(Loop, EventOfAnEndedWatchDoesNotReachItsSuccessor) {
  Loop loop;
  const std::array<Pipe, 2> pipes;
  const Pipe quiet;
  std::array<Watch, 2> watches;
  std::array<Handler, 2> handlers;
  Watch successor;
  int calls = 0;
  int mistaken = 0;
  Handler of_successor{[&](std::uint32_t) { ++mistaken; }};
  for (std::size_t i = 0; i < 2; ++i) {
    handlers[i].act = [&, i](std::uint32_t) {
      ++calls;
      watches[1 - i].cancel();
      successor = Watch(loop, quiet.out.get(), EPOLLIN, of_successor.callback());
      loop.stop();
    };
    pipes[i].fill();
    watches[i] = Watch(loop, pipes[i].out.get(), EPOLLIN, handlers[i].callback());
  }
  loop.run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(mistaken, 0);
  for (Watch& watch : watches)
    watch.cancel();
  quiet.fill();
  EXPECT_TRUE(run_until(loop, [&] { return mistaken > 0; }));
}

TEST(Loop, ManyWatchesGrowTheTableDuringACall) {
  Loop loop;
  const Pipe pipe;
  pipe.fill();
  std::vector<Pipe> more(100);
  std::vector<Watch> watches;
  int woken = 0;
  Handler of_more{[&](std::uint32_t) { ++woken; }};
  Handler handler{[&](std::uint32_t) {
    for (const Pipe& one : more) {
      one.fill();
      watches.emplace_back(loop, one.out.get(), EPOLLIN | EPOLLET, of_more.callback());
    }
    watches.front().cancel();
  }};
  watches.reserve(more.size() + 1);
  watches.emplace_back(loop, pipe.out.get(), EPOLLIN, handler.callback());
  EXPECT_TRUE(run_until(loop, [&] { return woken == 100; }));
}

TEST(Loop, NoDescriptorIsNotWatched) {
  Loop loop;
  EXPECT_FALSE(Watch(loop, -1, EPOLLIN, WatchCallback{}));
}

TEST(Loop, WatchedFdClosesItsDescriptor) {
  Loop loop;
  Pipe pipe;
  const int number = pipe.out.get();
  Handler handler;
  WatchedFd watched(loop, std::move(pipe.out), EPOLLIN, handler.callback());
  EXPECT_TRUE(watched);
  EXPECT_EQ(watched.get(), number);
  WatchedFd moved;
  moved = std::move(watched);
  EXPECT_EQ(moved.get(), number);
  moved.reset();
  EXPECT_FALSE(moved);
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

// ---- dispose -----------------------------------------------------------------------------------

struct Mortal {
  explicit Mortal(std::function<void()> at_death) : last_words(std::move(at_death)) {}
  ~Mortal() { last_words(); }
  std::function<void()> last_words;
};

TEST(Loop, DisposedObjectLivesUntilTheBatchIsOver) {
  Loop loop;
  const Pipe pipe;
  pipe.fill();
  bool dead = false;
  bool dead_in_call = false;
  Handler handler{[&](std::uint32_t) {
    loop.dispose(std::make_unique<Mortal>([&] { dead = true; }));
    dead_in_call = dead;
    loop.stop();
  }};
  const Watch watch(loop, pipe.out.get(), EPOLLIN, handler.callback());
  loop.run();
  EXPECT_FALSE(dead_in_call);
  EXPECT_TRUE(dead);
}

TEST(Loop, TheDeadMayDisposeOfOthers) {
  Loop loop;
  int dead = 0;
  loop.dispose(std::make_unique<Mortal>([&] {
    ++dead;
    loop.dispose(std::make_unique<Mortal>([&] { ++dead; }));
  }));
  EXPECT_TRUE(run_until(loop, [&] { return dead == 2; }));
}

TEST(Loop, WhatIsNotYetFreedGoesWithTheLoop) {
  bool dead = false;
  {
    Loop loop;
    loop.dispose(std::make_unique<Mortal>([&] { dead = true; }));
  }
  EXPECT_TRUE(dead);
}

}  // namespace
}  // namespace cgisrv
