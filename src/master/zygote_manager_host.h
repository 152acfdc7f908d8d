// The master's side of warm start: the zygote manager's process, and the channel that workers have
// to it.
#pragma once

#include <cgisrv/pool.h>
#include <sys/resource.h>

#include <functional>
#include <optional>

#include "admission/table.h"
#include "config/forward.h"
#include "master/helper_process.h"
#include "master/orphans.h"
#include "warm/zygote_manager.h"
#include "warm/zygote_table.h"

namespace cgisrv::master {

class ZygoteManagerHost {
 public:
  // `orphans`: receives its zygotes. `table`: where it counts ready zygotes, as those of that
  // generation. `prepare`: what the zygote manager's process does first, with the master's rights.
  ZygoteManagerHost(pool::Master& master, const config::Config& config,
                    const process::Privileges& privileges, const rlimit& descriptors,
                    Orphans& orphans, admission::Table& table, std::uint32_t generation,
                    std::function<void()> prepare);
  // Ends it, and its zygotes.
  ~ZygoteManagerHost();

  // The end of the channel to the zygote manager that all workers share.
  int workers_end() const { return workers_end_->get(); }
  // 0: none runs just now.
  pid_t pid() const { return zygote_manager_.pid(); }
  // In a worker that uses it.
  void keep_workers_end() { workers_end_.keep(); }
  // Lets it end, with its zygotes, in its own time.
  void let_go();

 private:
  int run(Fd lifeline, Beats& beats);
  void died();

  const config::Config& config_;
  rlimit descriptors_;
  Orphans& orphans_;
  admission::Table& table_;
  const std::uint32_t generation_;
  ParentOnly<Fd> workers_end_;
  ParentOnly<Fd>
      manager_end_;  // kept, so that messages for a dead zygote manager are read by the next
  std::optional<Shared<warm::ZygoteTable>> zygotes_{std::in_place};  // none: it was let go
  HelperProcess zygote_manager_;
};

}  // namespace cgisrv::master
