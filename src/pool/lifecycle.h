// The life of one worker as its supervisor sees it. Pure: a table from state and event to the next
// state and the actions. The event carries what else the supervisor knows; the state carries the
// worker's past.
//
//        start           ready          retire
//   down -----> starting -----> running ------> retiring
//    ^              |              |               |
//    |              +-------+------+-------+-------+
//    |                 hung |              | drain, replaced
//    |                      v              v     stop, timeout            timeout
//    +----- exited ----- killed         draining ------------> stopping ---------> forced
//
// When the process of a starting, running or killed worker ends, the worker is down. In any other
// state it is gone. A stop leads to stopping from every state with a process that can hear it. A
// retiring worker that hangs is killed_last: it has a successor.
#pragma once

#include <cstdint>
#include <string_view>

namespace cgisrv::pool {

enum class State : std::uint8_t {
  down,         // no process; one is started after the back-off
  starting,     // has a process that does not serve yet
  running,      // serves
  retiring,     // serves until its successor is ready, and is not started again
  draining,     // was told to finish
  stopping,     // was told to stop
  killed,       // hung: SIGKILL; is started again
  killed_last,  // hung: SIGKILL; is not started again
  forced,       // was told to end and did not: SIGKILL
  gone,         // no process, and there will be none: may be forgotten
};

enum class Event : std::uint8_t {
  start,     // start it for the first time
  timeout,   // the back-off is over; or draining or stopping took too long
  ready,     // the worker says that it serves
  exited,    // its process has ended, or could not be made
  failed,    // the same, and its whole generation has failed: do not start it again
  hung,      // its heartbeat has stopped
  retire,    // it asked for a successor, and has one
  drain,     // a graceful stop was requested
  replaced,  // the same, because other workers serve
  stop,      // a fast stop was requested
};

enum class Action : std::uint8_t {
  none,
  fork,           // start a process
  welcome,        // it is ready: resume what waits for that
  send_drain,     // tell it, and wait for shutdown_timeout
  send_replaced,  // the same
  send_stop,      // tell it, and wait for stop_timeout
  kill,           // SIGKILL
  respawn,        // start again after the back-off
  bury,           // forget it
  impossible,     // a bug in the supervisor
};

struct Transition {
  State next;
  Action action;
};

Transition transition(State state, Event event);

// May be given connections.
bool serves(State state);
// Must show a heartbeat.
bool has_heartbeat(State state);
// It was told to end, and its end is no failure.
bool told_to_end(State state);

std::string_view name(State state);
// For reports, in fewer words: retiring is "running", for instance.
std::string_view reported(State state);

}  // namespace cgisrv::pool
