// The master's side of passwords: the checker's process, and the socket that workers have to it.
#pragma once

#include <cgisrv/parent_only.h>
#include <cgisrv/pool.h>

#include "config/forward.h"
#include "master/helper_process.h"

namespace cgisrv::master {

class PasswordCheckerHost {
 public:
  PasswordCheckerHost(pool::Master& master, const config::Config& config,
                      const process::Privileges& privileges);

  // The end that all workers share.
  int workers_end() const { return workers_end_->get(); }
  // In a worker that uses it.
  void keep_workers_end() { workers_end_.keep(); }

 private:
  int run(Fd lifeline, Beats& beats);

  const config::Config& config_;
  ParentOnly<Fd> workers_end_;
  // Kept, so that what workers send to a dead checker is read by the next one.
  ParentOnly<Fd> checker_end_;
  HelperProcess checker_;
};

}  // namespace cgisrv::master
