// What is said over a control socket: one line with a verb, then the exit status for the command
// on a line of its own, and text or JSON up to the end.
#pragma once

#include <string>

namespace cgisrv::control {

struct Answer {
  int status = 0;  // as in sysexits.h
  std::string text;
};

}  // namespace cgisrv::control
