// What an administrator asks of a running server over its control socket, in the master.
#pragma once

#include <cgisrv/pool.h>

#include <memory>
#include <string_view>

#include "base/result.h"
#include "control/server.h"
#include "server/config.h"
#include "server/reporter.h"

namespace cgisrv::server {

// What is operated: the server as a whole. A signal does the same as the command of its name; the
// answer is in the log, too.
class Operated {
 public:
  virtual const Config& config() const = 0;
  virtual const Reporter& reporter() const = 0;
  virtual void reload(control::Reply reply) = 0;
  virtual void upgrade(control::Reply reply) = 0;
  virtual control::Answer reopen() = 0;

 protected:
  ~Operated() = default;
};

class Operator {
 public:
  // Opens the control socket. A server without one serves nevertheless, and the log says why.
  // Both outlive it.
  Operator(pool::Master& master, Operated& server);

  // In a worker: the socket is the master's.
  void abandon();

 private:
  Result<void> listen();
  void answer(std::string_view verb, const ucred& peer, control::Reply reply);
  control::Answer stop(pool::Stop how);

  pool::Master& master_;
  Operated& server_;
  std::unique_ptr<control::Server> control_;
};

// Into the log, as it is told to whoever asked.
control::Answer logged(control::Answer answer);

}  // namespace cgisrv::server
