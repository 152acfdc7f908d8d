// Runs that nobody waits for any more: their client has gone (on_disconnect = "finish"), or has its
// whole response.
#pragma once

#include <cgisrv/loop.h>

#include <list>
#include <memory>
#include <string>

#include "handler/exchange.h"

namespace cgisrv::cgi {

class DetachedRuns {
 public:
  // `on_idle` is called when the last run has ended.
  DetachedRuns(Loop& loop, Callback on_idle);
  ~DetachedRuns();

  // Keeps the handler until it ends its exchange, which from now on is the returned one: that drops
  // all output, supplies no input, and logs a failure. To be called once the request's body is no
  // longer wanted. The handler may be on the call stack.
  handler::Exchange& adopt(std::unique_ptr<handler::Handler> handler, std::string request_id);
  // Drops all of them. None may be on the call stack.
  void end();
  bool idle() const { return count_ == 0; }

 private:
  class Exchange;
  void remove(Exchange& exchange);

  Loop& loop_;
  Callback on_idle_;
  unsigned count_ = 0;  // also those that are over and not yet freed
  std::list<std::unique_ptr<Exchange>> exchanges_;
};

}  // namespace cgisrv::cgi
