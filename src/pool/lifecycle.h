// The life of one worker as its supervisor sees it. Pure: a table from state and event to the next
// state and what is to be done.
//
//             start            ready           drain             stop, overdue
//      down ---------> starting -----> running -------> draining -------------> stopping
//        ^                |              |                 |                       | overdue
//        |                |     hung     v                 v                       v
//        +---- exited ----+--------------+-----------------+-------------------- killed
#pragma once

#include <cstdint>
#include <string_view>

namespace cgisrv::pool {

enum class State : std::uint8_t { down, starting, running, draining, stopping, killed };

enum class Event : std::uint8_t {
  start,    // it is to run (first start, or its back-off is over)
  ready,    // it says that it serves
  exited,   // its process has ended
  hung,     // its heartbeat has stopped
  drain,    // graceful stop is asked for
  stop,     // fast stop is asked for
  overdue,  // draining or stopping took longer than allowed
};

enum class Action : std::uint8_t {
  none,
  fork,        // start a process
  send_drain,  // tell it, and wait for shutdown_timeout
  send_stop,   // tell it, and wait for stop_timeout
  kill,        // SIGKILL
  respawn,     // start again after the back-off
  bury,        // it ended as it was asked to
  impossible,  // a bug in the supervisor
};

struct Transition {
  State next;
  Action action;
};

Transition transition(State state, Event event);
std::string_view name(State state);

}  // namespace cgisrv::pool
