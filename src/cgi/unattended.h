// Runs that go on although nobody waits for them: their client has gone (on_disconnect = "finish"),
// or has its whole response.
#pragma once

#include <cgisrv/loop.h>

#include <list>
#include <memory>
#include <string>

#include "http/exchange.h"

namespace cgisrv::cgi {

class Unattended {
 public:
  // `on_idle` is called when the last is gone.
  Unattended(Loop& loop, Callback on_idle);
  ~Unattended();

  // Keeps the handler until it ends its exchange, which from now on is the one returned: what it
  // is given it drops, nothing comes from it, and a failure is logged. To be called once the
  // request's body is no longer wanted. The handler may be on the call stack.
  http::Exchange& adopt(std::unique_ptr<http::Handler> handler, std::string request_id);
  // Lets go of all of them. None may be on the call stack.
  void end();
  bool idle() const { return count_ == 0; }

 private:
  class Exchange;
  void remove(Exchange& exchange);

  Loop& loop_;
  Callback on_idle_;
  unsigned count_ = 0;  // also of those that are over and not yet freed
  std::list<std::unique_ptr<Exchange>> exchanges_;
};

}  // namespace cgisrv::cgi
