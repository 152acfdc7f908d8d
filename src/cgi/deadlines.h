// Whom a run waits for, and how long: `header_timeout`, `idle_timeout` and `timeout` only count
// time in which the program is awaited. A slow client has limits of its own.
#pragma once

#include <cgisrv/loop.h>

#include <cstdint>

#include "cgi/options.h"

namespace cgisrv::cgi {

enum class Awaited : std::uint8_t {
  header,  // the program: its header
  output,  // the program: more of its output
  exit,    // the program: its output has ended or is no response, but it has not exited
  body,    // the client: more of the request's body
  reader,  // the client: it has not taken all of the output yet
  drain,   // a child of the program, which has exited: the child keeps the output open
};

// What has happened so far to a program that was started.
struct Progress {
  bool exited = false;
  bool output_open = true;
  bool in_head = true;
  bool broken = false;       // its output is no header: its exit may say why
  bool starved = false;      // it has taken the whole body so far, and more is to come
  bool has_room = true;      // the client's connection accepts more
  std::uint64_t unread = 0;  // after its exit: bytes of its output still in the pipe
};

// Pure. In `exit`, the body is not awaited: the response must not depend on it.
Awaited awaited(const Progress& progress);

// Arms the timers of a run. Calls one of the callbacks when the program's time is over, or when the
// other half of the join (exit, drain) does not come.
class Deadlines {
 public:
  // `options` outlive it.
  Deadlines(Loop& loop, const Options& options, Callback phase_due, Callback total_due);

  // The program has been started: waits for its header.
  void start();
  // To be called after each event. `progress`: since the last call, the program has taken input or
  // printed output, so that its time for the next step starts anew.
  void await(Awaited whom, bool progress);

  // What is left of `timeout`; max(): unlimited.
  Options::Duration left() const;

 private:
  void turn_to(Awaited whom);
  void count_total(bool counts);

  Loop& loop_;
  const Options& options_;
  Awaited whom_ = Awaited::header;
  Timer phase_;
  Timer total_;                // armed while the program is awaited
  Clock::duration left_{};     // of `timeout`, while total_ is not armed
  TimePoint counted_since_{};  // while it is
  bool counts_ = false;
};

}  // namespace cgisrv::cgi
