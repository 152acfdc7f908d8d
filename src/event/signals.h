// Signals as events: signalfd(2).
#pragma once

#include <cgisrv/loop.h>

#include <csignal>
#include <initializer_list>

namespace cgisrv {

// Blocks `signals` for the process and delivers them through the loop. `handler` is called with
// the signal's number for each one received. Equal pending signals come once, as always.
class Signals {
 public:
  Signals(Loop& loop, std::initializer_list<int> signals, Callback handler);

  // In a child of fork(2): lets go of the parent's descriptor.
  void abandon() { fd_.reset(); }

 private:
  void ready(std::uint32_t events);

  Callback handler_;
  WatchedFd fd_;
};

// Clean dispositions for a server: every signal at its default but SIGPIPE, which gets a handler
// that does nothing. A handler, not SIG_IGN: exec resets it, so that programs need no call for it.
void set_default_dispositions();

}  // namespace cgisrv
