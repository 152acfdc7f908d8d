// The master's side of the admin listener: it has its process run, and another one when that has
// died, and shows it that the master is alive.
#pragma once

#include <cgisrv/pool.h>

#include <functional>

#include "admission/table.h"
#include "net/listener.h"
#include "process/privileges.h"
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
  ~AdminHost();
  AdminHost(const AdminHost&) = delete;
  AdminHost& operator=(const AdminHost&) = delete;

  // In another child of the master: lets go of what is not its own.
  void abandon() { lifeline_.reset(); }

 private:
  void start(std::uint32_t);
  [[noreturn]] void become_admin(Fd lifeline);
  void ended(std::uint32_t);
  void beat(std::uint32_t);

  pool::Master& master_;
  const net::Listener& listener_;
  AdminSources sources_;
  const process::Privileges& privileges_;
  const std::function<void()> in_child_;
  Fd lifeline_;  // closed with us: then it ends
  WatchedFd process_;
  Timer again_;
  Timer beat_;
};

}  // namespace cgisrv::server
