// Reports the server's state to the service manager, from the master.
#pragma once

#include <cgisrv/pool.h>

#include <string>

#include "process/sd_notify.h"

namespace cgisrv::master {

// Reports that the server is ready, reloading or about to end, and the states of its workers. If
// the manager has a watchdog, also reports that the server is alive, while this loop turns, and
// some worker runs or the server is ending.
class ServiceState {
 public:
  // `serves`: what, for people. Both references outlive this.
  ServiceState(const process::SdNotify& sd_notify, pool::Master& master, std::string serves);

  void ready();  // also after a reload, whatever its result
  void reloading();
  // `within`: how long that may take at most; max(): nobody knows.
  void stopping(std::chrono::milliseconds within);
  // Clients are to move elsewhere, or to come back.
  void drained(bool is_drained);

 private:
  void check();
  std::string serving() const;
  std::string text() const;

  const process::SdNotify& sd_notify_;
  pool::Master& master_;
  const std::string serves_;
  std::string activity_;
  std::string told_;
  bool is_drained_ = false;
  bool is_serving_ = false;  // neither reloading nor ending
  bool ready_told_ = true;   // or need not be; else again later, for it must not be lost
  bool ending_ = false;
  Timer timer_;
};

// "2 running, 1 draining": of workers that have a process, or are to have one.
std::string count_by_state(const std::vector<pool::WorkerStatus>& workers);

}  // namespace cgisrv::master
