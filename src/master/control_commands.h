// Commands of an administrator over the control socket, in the master.
#pragma once

#include <cgisrv/pool.h>

#include <memory>
#include <string_view>

#include "base/result.h"
#include "config/forward.h"
#include "control/server.h"
#include "status/reporter.h"
#include "telemetry/presence.h"

namespace cgisrv::master {

// The server as a whole. A signal does the same as the command of its name; the answer is also
// logged.
class ServerControl {
 public:
  virtual const config::Config& config() const = 0;
  virtual const status::Reporter& reporter() const = 0;
  virtual bool is_upgrading() const = 0;
  virtual void reload(control::Reply reply) = 0;
  virtual void upgrade(control::Reply reply) = 0;
  virtual control::Answer reopen() = 0;
  virtual control::Answer quit() = 0;
  // drained, or maintenance
  virtual control::Answer drain(telemetry::Presence wanted) = 0;
  virtual control::Answer undrain() = 0;

 protected:
  ~ServerControl() = default;
};

class ControlCommands {
 public:
  // Opens the control socket. Without one the server still serves, and the log says why. Both
  // outlive it.
  ControlCommands(pool::Master& master, ServerControl& server);

 private:
  Result<void> listen();
  void answer(std::string_view verb, const ucred& peer, control::Reply reply);

  pool::Master& master_;
  ServerControl& server_;
  std::unique_ptr<control::Server> control_;
};

// Logs the answer in the client's words.
control::Answer logged(control::Answer answer);

}  // namespace cgisrv::master
