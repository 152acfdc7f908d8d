#include "pool/lifecycle.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <utility>

namespace cgisrv::pool {
namespace {

using enum State;
using enum Event;

constexpr std::array states = {down, starting, running, draining, stopping, killed};
constexpr std::array events = {start, ready, exited, hung, drain, stop, overdue};

// Told as the lives that a worker may lead; what is not told is a bug.
const std::map<std::pair<State, Event>, std::pair<State, Action>>& expected() {
  static const std::map<std::pair<State, Event>, std::pair<State, Action>> lives = {
      // From its start to its service.
      {{down, start}, {starting, Action::fork}},
      {{starting, ready}, {running, Action::none}},
      // It dies unasked: there will be another.
      {{starting, exited}, {down, Action::respawn}},
      {{running, exited}, {down, Action::respawn}},
      // It no longer answers: it is killed, and then there will be another.
      {{starting, hung}, {killed, Action::kill}},
      {{running, hung}, {killed, Action::kill}},
      {{draining, hung}, {killed, Action::kill}},
      {{stopping, hung}, {killed, Action::kill}},
      {{killed, exited}, {down, Action::respawn}},
      // It is asked to finish, and does; being ready comes too late.
      {{starting, drain}, {draining, Action::send_drain}},
      {{running, drain}, {draining, Action::send_drain}},
      {{draining, ready}, {draining, Action::none}},
      {{draining, exited}, {down, Action::bury}},
      // It is asked to stop, from whatever it does, and does.
      {{starting, stop}, {stopping, Action::send_stop}},
      {{running, stop}, {stopping, Action::send_stop}},
      {{draining, stop}, {stopping, Action::send_stop}},
      {{stopping, ready}, {stopping, Action::none}},
      {{stopping, exited}, {down, Action::bury}},
      // It takes too long: each time with more force.
      {{draining, overdue}, {stopping, Action::send_stop}},
      {{stopping, overdue}, {killed, Action::kill}},
      // Asked again, or asked for less than it was already: nothing new.
      {{draining, drain}, {draining, Action::none}},
      {{stopping, drain}, {stopping, Action::none}},
      {{stopping, stop}, {stopping, Action::none}},
      // Nothing but its end is news of a killed one.
      {{killed, ready}, {killed, Action::none}},
      {{killed, hung}, {killed, Action::none}},
      {{killed, drain}, {killed, Action::none}},
      {{killed, stop}, {killed, Action::none}},
      {{killed, overdue}, {killed, Action::none}},
      // One that does not run need not be stopped.
      {{down, drain}, {down, Action::none}},
      {{down, stop}, {down, Action::none}},
  };
  return lives;
}

TEST(Lifecycle, WholeTable) {
  for (const State state : states)
    for (const Event event : events) {
      const auto [next, action] = transition(state, event);
      const auto found = expected().find({state, event});
      SCOPED_TRACE(std::string(name(state)) + ", event " + std::to_string(static_cast<int>(event)));
      if (found == expected().end()) {
        EXPECT_EQ(action, Action::impossible);
      } else {
        EXPECT_EQ(next, found->second.first) << name(next);
        EXPECT_EQ(action, found->second.second);
      }
    }
}

TEST(Lifecycle, EveryStateCanBeStoppedAndEndsDown) {
  for (State state : states) {
    state = transition(state, stop).next;
    if (state == stopping) state = transition(state, overdue).next;
    if (state == killed) state = transition(state, exited).next;
    EXPECT_EQ(state, down);
  }
}

TEST(Lifecycle, NamesAreDistinct) {
  EXPECT_EQ(name(down), "down");
  EXPECT_EQ(name(starting), "starting");
  EXPECT_EQ(name(running), "running");
  EXPECT_EQ(name(draining), "draining");
  EXPECT_EQ(name(stopping), "stopping");
  EXPECT_EQ(name(killed), "killed");
}

}  // namespace
}  // namespace cgisrv::pool
