// Work that computes for long, such as starting a program. It is done in the order in which it was
// asked for. A turn of the loop does what its share of time allows, but at least one piece; the
// rest waits for the next turns, and other events are served in between.
#pragma once

#include <cgisrv/loop.h>

#include <list>

namespace cgisrv {

class TurnQueue {
 public:
  // One piece of work, done once for each time that it is asked for. Destroyed, it is not done.
  class Work {
   public:
    explicit Work(Callback act) : act_(act) {}
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    ~Work() { take_back(); }

    bool is_waiting() const { return queue_ != nullptr; }
    void take_back();

   private:
    friend class TurnQueue;
    Callback act_;
    TurnQueue* queue_ = nullptr;  // in which it waits
    std::list<Work*>::iterator position_;
  };

  TurnQueue(Loop& loop, Clock::duration share)
      : share_(share), next_turn_(loop, Callback::of<&TurnQueue::take_turn>(*this)) {}
  ~TurnQueue();

  // Done before it returns, if nobody waits and this turn has time left. It must not wait already.
  void ask(Work& work);

 private:
  bool has_time();
  void act(Work& work);
  void take_turn();

  const Clock::duration share_;
  std::list<Work*> waiting_;
  TimePoint turn_{};         // the loop's now() when work was done last
  Clock::duration spent_{};  // in that turn
  Timer next_turn_;
};

}  // namespace cgisrv
