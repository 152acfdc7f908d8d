#include "pool/lifecycle.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace cgisrv::pool {
namespace {

using enum State;
using enum Event;

constexpr std::array states = {down,     starting, running,     retiring, draining,
                               stopping, killed,   killed_last, forced,   gone};
constexpr std::array events = {start, timeout, ready, exited,   failed,
                               hung,  retire,  drain, replaced, stop};

// Told as the lives that a worker may lead; what is not told is a bug.
const std::map<std::pair<State, Event>, std::pair<State, Action>>& expected() {
  static const std::map<std::pair<State, Event>, std::pair<State, Action>> lives = {
      // From its start to its service.
      {{down, start}, {starting, Action::fork}},
      {{starting, ready}, {running, Action::welcome}},
      // It dies unasked: there will be another, after a while.
      {{starting, exited}, {down, Action::respawn}},
      {{running, exited}, {down, Action::respawn}},
      {{down, timeout}, {starting, Action::fork}},
      // It no longer answers: it is killed, and then there will be another.
      {{starting, hung}, {killed, Action::kill}},
      {{running, hung}, {killed, Action::kill}},
      {{killed, exited}, {down, Action::respawn}},
      // Its generation fails with it: there will be no other.
      {{starting, failed}, {gone, Action::bury}},
      {{running, failed}, {gone, Action::bury}},
      {{draining, failed}, {gone, Action::bury}},
      {{stopping, failed}, {gone, Action::bury}},
      {{killed, failed}, {gone, Action::bury}},
      {{killed_last, failed}, {gone, Action::bury}},
      {{forced, failed}, {gone, Action::bury}},
      // It has a successor, and serves until that is ready; or dies, or hangs before.
      {{running, retire}, {retiring, Action::none}},
      {{retiring, replaced}, {draining, Action::send_replaced}},
      {{retiring, exited}, {gone, Action::bury}},
      {{retiring, hung}, {killed_last, Action::kill}},
      {{killed_last, exited}, {gone, Action::bury}},
      // It is asked to finish, and does; being ready comes too late.
      {{starting, drain}, {draining, Action::send_drain}},
      {{running, drain}, {draining, Action::send_drain}},
      {{retiring, drain}, {draining, Action::send_drain}},
      {{starting, replaced}, {draining, Action::send_replaced}},
      {{running, replaced}, {draining, Action::send_replaced}},
      {{draining, ready}, {draining, Action::none}},
      {{draining, exited}, {gone, Action::bury}},
      // It is asked to stop, from whatever it does, and does.
      {{starting, stop}, {stopping, Action::send_stop}},
      {{running, stop}, {stopping, Action::send_stop}},
      {{retiring, stop}, {stopping, Action::send_stop}},
      {{draining, stop}, {stopping, Action::send_stop}},
      {{stopping, ready}, {stopping, Action::none}},
      {{stopping, exited}, {gone, Action::bury}},
      // It takes too long, or hangs meanwhile: each time with more force.
      {{draining, timeout}, {stopping, Action::send_stop}},
      {{stopping, timeout}, {forced, Action::kill}},
      {{draining, hung}, {forced, Action::kill}},
      {{stopping, hung}, {forced, Action::kill}},
      {{forced, exited}, {gone, Action::bury}},
      // Asked again, or asked for less than it was already: nothing new.
      {{draining, drain}, {draining, Action::none}},
      {{draining, replaced}, {draining, Action::none}},
      {{stopping, drain}, {stopping, Action::none}},
      {{stopping, replaced}, {stopping, Action::none}},
      {{stopping, stop}, {stopping, Action::none}},
      // It says twice that it is ready: nothing new.
      {{running, ready}, {running, Action::none}},
      {{retiring, ready}, {retiring, Action::none}},
      // A killed one hears nothing; but when it was asked to end, there will be no other.
      {{killed, ready}, {killed, Action::none}},
      {{killed, drain}, {killed_last, Action::none}},
      {{killed, replaced}, {killed_last, Action::none}},
      {{killed, stop}, {killed_last, Action::none}},
      {{killed_last, ready}, {killed_last, Action::none}},
      {{killed_last, drain}, {killed_last, Action::none}},
      {{killed_last, replaced}, {killed_last, Action::none}},
      {{killed_last, stop}, {killed_last, Action::none}},
      {{forced, ready}, {forced, Action::none}},
      {{forced, drain}, {forced, Action::none}},
      {{forced, replaced}, {forced, Action::none}},
      {{forced, stop}, {forced, Action::none}},
      // One that does not run need not be stopped: it is not started again.
      {{down, drain}, {gone, Action::bury}},
      {{down, replaced}, {gone, Action::bury}},
      {{down, stop}, {gone, Action::bury}},
      {{gone, drain}, {gone, Action::none}},
      {{gone, replaced}, {gone, Action::none}},
      {{gone, stop}, {gone, Action::none}},
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

TEST(Lifecycle, EveryStateCanBeStoppedAndIsNeverStartedAgain) {
  for (const Event asked : {drain, replaced, stop})
    for (State state : states) {
      SCOPED_TRACE(name(state));
      state = transition(state, asked).next;
      if (state == draining) state = transition(state, timeout).next;
      if (state == stopping) state = transition(state, timeout).next;
      if (state != gone) state = transition(state, exited).next;
      EXPECT_EQ(state, gone);
    }
}

TEST(Lifecycle, OneThatWasToldToEndMayEndAndGetsNothing) {
  for (const State state : states) {
    SCOPED_TRACE(name(state));
    EXPECT_FALSE(told_to_end(state) && serves(state));
    if (told_to_end(state)) {
      EXPECT_EQ(transition(state, exited).action, Action::bury);
    }
    EXPECT_EQ(has_heartbeat(state), transition(state, hung).action == Action::kill);
    EXPECT_EQ(serves(state), state == running || state == retiring);
  }
}

TEST(Lifecycle, NamesAreDistinctAndReportsHaveSixOfThem) {
  std::set<std::string_view> names;
  std::set<std::string_view> words;
  for (const State state : states) {
    names.insert(name(state));
    words.insert(reported(state));
  }
  EXPECT_EQ(names.size(), states.size());
  EXPECT_EQ(words, (std::set<std::string_view>{"down", "starting", "running", "draining",
                                               "stopping", "killed"}));
  EXPECT_EQ(reported(retiring), "running");
  EXPECT_EQ(reported(forced), "killed");
  EXPECT_EQ(reported(gone), "down");
}

}  // namespace
}  // namespace cgisrv::pool
