// The master's side of the admin listener: runs the admin process, and shows it that the master is
// alive.
#pragma once

#include <cgisrv/parent_only.h>
#include <cgisrv/pool.h>

#include "admission/table.h"
#include "config/server_options.h"
#include "master/helper_process.h"
#include "net/listener.h"
#include "status/reporter.h"
#include "telemetry/shared_stats.h"
#include "tls/contexts.h"

namespace cgisrv::master {

// What the admin process reads. All of it outlives the process.
struct AdminSources {
  const config::AdminOptions& options;
  std::chrono::milliseconds heartbeat_timeout;
  const status::Reporter& reporter;
  admission::Table& table;
  telemetry::SharedStats& shared_stats;
  bool has_warm_programs;  // as configured
};

// What only the admin process has, and accepts from. All of it outlives the process.
struct AdminDescriptors {
  ParentOnly<net::Listener>& pages;
  ParentOnly<net::Listener>* agent;  // null: none
  ParentOnly<std::unique_ptr<tls::Contexts>>& contexts;
};

class AdminHost {
 public:
  AdminHost(pool::Master& master, AdminDescriptors descriptors, AdminSources sources,
            const process::Privileges& privileges);

 private:
  int run(Fd lifeline, Beats& beats);
  void beat();

  AdminDescriptors descriptors_;
  AdminSources sources_;
  Timer beat_;
  HelperProcess process_;
};

}  // namespace cgisrv::master
