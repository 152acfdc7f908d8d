#include "event/turn_queue.h"

#include <utility>

#include "base/check.h"

namespace cgisrv {

void TurnQueue::Work::take_back() {
  if (auto* const queue = std::exchange(queue_, nullptr)) queue->waiting_.erase(position_);
}

TurnQueue::~TurnQueue() {
  for (Work* const work : waiting_)
    work->queue_ = nullptr;
}

void TurnQueue::ask(Work& work) {
  CGISRV_CHECK(!work.is_waiting());
  if (waiting_.empty() && has_time()) return act(work);
  work.position_ = waiting_.insert(waiting_.end(), &work);
  work.queue_ = this;
  if (!next_turn_.armed()) next_turn_.arm_after(Clock::duration::zero());
}

bool TurnQueue::has_time() {
  const TimePoint turn = next_turn_.loop().now();
  if (std::exchange(turn_, turn) != turn) spent_ = {};
  return spent_ < share_;
}

// The work may be destroyed meanwhile.
void TurnQueue::act(Work& work) {
  const TimePoint began = Clock::now();
  const Callback act = work.act_;
  act();
  spent_ += Clock::now() - began;
}

void TurnQueue::take_turn() {
  while (!waiting_.empty() && has_time()) {
    Work& next = *waiting_.front();
    next.take_back();
    act(next);
  }
  if (!waiting_.empty()) next_turn_.arm_after(Clock::duration::zero());
}

}  // namespace cgisrv
