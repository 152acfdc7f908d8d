#include "event/turn_queue.h"

#include <gmock/gmock.h>
#include <sys/eventfd.h>

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "../run_until.h"

namespace cgisrv {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using testing::ElementsAre;

class TurnQueueTest : public testing::Test {
 protected:
  // Notes in which turn of the loop it was done, and takes at least its time.
  struct Piece {
    Piece(TurnQueueTest& test, Clock::duration takes)
        : owner(test), time(takes), work(Callback::of<&Piece::act>(*this)) {}
    void act() {
      owner.done.push_back(owner.turn);
      for (const TimePoint end = Clock::now() + time; Clock::now() < end;) {
      }
      if (then) then();
    }
    TurnQueueTest& owner;
    Clock::duration time;
    TurnQueue::Work work;
    std::function<void()> then;
  };

  Piece& make(Clock::duration takes = share) { return pieces.emplace_back(*this, takes); }
  bool run_until_done(std::size_t count) {
    return run_until(loop, [&] { return done.size() == count; });
  }

  static constexpr microseconds share{200};
  Loop loop;
  TurnQueue queue{loop, share};
  std::deque<Piece> pieces;
  std::vector<int> done;
  int turn = 0;  // what else is served in each: a descriptor that is always ready
  void serve() { ++turn; }
  WatchedFd other{loop, Fd(::eventfd(1, EFD_CLOEXEC)), EPOLLIN,
                  WatchCallback::of<&TurnQueueTest::serve>(*this)};
};

TEST_F(TurnQueueTest, OthersAreServedBetweenPiecesThatTakeLong) {
  for (int i = 0; i < 3; ++i)
    queue.ask(make().work);
  EXPECT_THAT(done, ElementsAre(0));
  EXPECT_FALSE(pieces[0].work.is_waiting());
  EXPECT_TRUE(pieces[1].work.is_waiting());
  ASSERT_TRUE(run_until_done(3));
  EXPECT_THAT(done, ElementsAre(0, 1, 2));
}

TEST_F(TurnQueueTest, ATurnDoesAllThatTakesLittle) {
  TurnQueue patient(loop, hours(1));
  for (int i = 0; i < 3; ++i)
    patient.ask(make(microseconds(1)).work);
  EXPECT_THAT(done, ElementsAre(0, 0, 0));
}

TEST_F(TurnQueueTest, NobodyGoesBeforeWhoeverWaits) {
  Piece& first = make();
  Piece& second = make();
  Piece& third = make();
  first.then = [&] { queue.ask(third.work); };  // while the second waits
  queue.ask(make().work);
  queue.ask(first.work);
  queue.ask(second.work);
  std::vector<int> order;
  second.then = [&] { order.push_back(2); };
  third.then = [&] { order.push_back(3); };
  ASSERT_TRUE(run_until_done(4));
  EXPECT_THAT(order, ElementsAre(2, 3));
}

TEST_F(TurnQueueTest, WhatIsDestroyedIsNotDone) {
  queue.ask(make().work);
  auto given_up = std::make_unique<Piece>(*this, share);
  queue.ask(given_up->work);
  Piece& last = make();
  queue.ask(last.work);
  given_up.reset();
  ASSERT_TRUE(run_until_done(2));
  EXPECT_FALSE(last.work.is_waiting());
}

TEST_F(TurnQueueTest, WhatWaitsMayOutliveTheQueue) {
  auto short_lived = std::make_unique<TurnQueue>(loop, share);
  Piece& first = make();
  Piece& second = make();
  short_lived->ask(first.work);
  short_lived->ask(second.work);
  short_lived.reset();
  EXPECT_FALSE(second.work.is_waiting());
  EXPECT_THAT(done, ElementsAre(0));
}

}  // namespace
}  // namespace cgisrv
