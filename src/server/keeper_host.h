// The master's side of warm start: the keeper's process, and the channel that workers have to it.
#pragma once

#include <cgisrv/pool.h>
#include <sys/resource.h>

#include <functional>
#include <optional>

#include "admission/table.h"
#include "server/attendant.h"
#include "server/config.h"
#include "warm/keeper.h"

namespace cgisrv::server {

// Whether any location starts its programs warm.
bool wants_keeper(const Config& config);
// What the configuration says of a program that is to be started warm; nothing: it is not.
std::optional<warm::Wish> warm_wish(const Config& config, const warm::Subject& subject);

class KeeperHost {
 public:
  // `table`: where it says how many zygotes are ready, as that generation's. `in_child`: what the
  // keeper's process does first, with the master's rights: it lets go of what is the master's
  // alone.
  KeeperHost(pool::Master& master, const Config& config, const process::Privileges& privileges,
             const rlimit& descriptors, admission::Table& table, std::uint32_t generation,
             std::function<void()> in_child);

  // The end of the channel to the keeper that all workers share.
  int workers_end() const { return workers_end_.get(); }
  // 0: none runs just now.
  pid_t pid() const { return keeper_.pid(); }
  // In a worker: lets go of what is the master's alone.
  void abandon() { keeper_.abandon(); }
  // In a process that has nothing to do with it.
  void close();
  // It is to end, with its zygotes, in its own time.
  void let_go() { keeper_.let_go(); }

 private:
  void leave_master();
  int run(Fd lifeline);
  void died();

  const Config& config_;
  rlimit descriptors_;
  admission::Table& table_;
  const std::uint32_t generation_;
  const std::function<void()> in_child_;
  Fd workers_end_;
  Fd keepers_end_;  // kept, so that what is said to a dead keeper reaches the next
  Attendant keeper_;
};

}  // namespace cgisrv::server
