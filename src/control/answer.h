// The protocol of a control socket: one line with a verb; the answer is the command's exit status
// on a line of its own, then text or JSON up to the end.
#pragma once

#include <functional>
#include <string>

namespace cgisrv::control {

struct Answer {
  int status = 0;  // as in sysexits.h
  std::string text;
};

// Sends the answer to the client, now or later, once. No effect after the client has gone. Must not
// be called after the control socket is closed.
using Reply = std::function<void(const Answer& answer)>;

}  // namespace cgisrv::control
