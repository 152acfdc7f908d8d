// What the service manager is told of the server, in the master.
#pragma once

#include <cgisrv/pool.h>

#include <string>

#include "process/service_manager.h"

namespace cgisrv::server {

// Says that the server is ready, is reloading, is about to end, and in which states its workers
// are. Where the manager has a watchdog, tells it that the server is alive, while that is true:
// this loop goes round, and some worker runs, or the server is ending.
class ServiceState {
 public:
  // `serves`: what, for people. Both outlive this.
  ServiceState(const process::ServiceManager& manager, pool::Master& master, std::string serves);

  void ready();  // also after a reload, whatever has come of it
  void reloading();
  void stopping();

 private:
  void check(std::uint32_t);
  std::string text() const;

  const process::ServiceManager& manager_;
  pool::Master& master_;
  const std::string serves_;
  std::string activity_;
  std::string told_;
  bool ready_told_ = true;  // or need not be told; else again later, for it must not be lost
  bool ending_ = false;
  Timer timer_;
};

// "2 running, 1 draining": of those that have a process, or are to have one.
std::string count_by_state(const std::vector<pool::WorkerStatus>& workers);

}  // namespace cgisrv::server
