// What is said over a control socket: one line with a verb, then the exit status for the command
// on a line of its own, and text or JSON up to the end.
#pragma once

#include <functional>
#include <string>

namespace cgisrv::control {

struct Answer {
  int status = 0;  // as in sysexits.h
  std::string text;
};

// Gives it to whoever asked, now or later, once. After a client has gone it does nothing. Not to be
// called any more when the control socket is closed.
using Reply = std::function<void(const Answer& answer)>;

}  // namespace cgisrv::control
