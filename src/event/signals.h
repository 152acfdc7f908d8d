// Signals as events: signalfd(2).
#pragma once

#include <cgisrv/loop.h>
#include <cgisrv/parent_only.h>

#include <csignal>
#include <initializer_list>

namespace cgisrv {

using SignalCallback = CallbackWith<int>;  // the signal's number

// Blocks `signals` for the process and delivers them through the loop. `handler` is called with the
// number of each signal received. Equal pending signals are delivered once, as always.
class Signals {
 public:
  Signals(Loop& loop, std::initializer_list<int> signals, SignalCallback handler);

 private:
  void ready();

  SignalCallback handler_;
  ParentOnly<WatchedFd> fd_;
};

// Clean dispositions for a server: every signal at its default except SIGPIPE, which gets a handler
// that does nothing. exec resets a handler but not SIG_IGN, so programs need no call for it.
void set_default_dispositions();

}  // namespace cgisrv
