// The master's side of the admin listener: it has its process run, and shows it that the master is
// alive.
#pragma once

#include <cgisrv/pool.h>

#include <functional>

#include "admission/table.h"
#include "net/listener.h"
#include "server/attendant.h"
#include "server/config.h"
#include "server/reporter.h"
#include "telemetry/board.h"

namespace cgisrv::server {

// What the admin process reads. All of it outlives it.
struct AdminSources {
  const AdminOptions& options;
  const Reporter& reporter;
  admission::Table& table;
  telemetry::Board& board;
};

class AdminHost {
 public:
  // The listener outlives it. `in_child`: what its process does first: it lets go of what is the
  // master's alone.
  AdminHost(pool::Master& master, const net::Listener& listener, AdminSources sources,
            const process::Privileges& privileges, std::function<void()> in_child);

  // In another child of the master: lets go of what is not its own.
  void abandon() { process_.abandon(); }

 private:
  void leave_master();
  int run(Fd lifeline);
  void beat(std::uint32_t);

  const net::Listener& listener_;
  AdminSources sources_;
  const std::function<void()> in_child_;
  Fd socket_;  // in the process: its own
  Timer beat_;
  Attendant process_;
};

}  // namespace cgisrv::server
