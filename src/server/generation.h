// What the workers of one configuration share: the part of the server that a reload replaces.
#pragma once

#include <cgisrv/pool.h>
#include <sys/resource.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "admission/table.h"
#include "net/listener.h"
#include "process/cgroup.h"
#include "process/privileges.h"
#include "process/roster.h"
#include "server/access_log.h"
#include "server/admin_host.h"
#include "server/config.h"
#include "server/keeper_host.h"

namespace cgisrv::server {

// What all generations have in common; made by the master before its first worker.
struct Common {
  static constexpr unsigned programs_per_worker_max = 16 * 1024;

  rlimit descriptors{};  // what programs may have
  std::optional<process::Cgroups> cgroups;
  process::Roster roster{pool::slots_max, programs_per_worker_max};
  admission::Table table;
  telemetry::Board board;
  std::uint32_t generations = 0;  // that there have been
};

// A listener, and what the configuration says of it: several can be of one name.
struct Listening {
  std::string configured;  // "127.0.0.1:0", "fd:web"
  net::Address address;
  bool handed_over = false;  // by a service manager
};

class Generation {
 public:
  // `listening`: in the order of the sockets. `admin`: none, or one.
  Generation(Config config, std::vector<Listening> listening, std::optional<net::Listener> admin,
             AccessLog access_log, Common& common);
  ~Generation();

  const Config& config() const { return config_; }
  const std::vector<Listening>& listening() const { return listening_; }
  // Where it says what it does, and its socket; null: nowhere.
  const net::Listener* admin() const { return admin_listener_ ? &*admin_listener_ : nullptr; }
  AccessLog& access_log() { return access_log_; }
  const Reporter& reporter() const { return *reporter_; }
  // 0: none runs.
  pid_t keeper() const { return keeper_ ? keeper_->pid() : 0; }
  unsigned workers() const { return workers_; }

  // In the master, before its workers are started. `serves` as a report has it. `leave_master`:
  // what every process that is forked from the master does first; it lets go of what is the
  // master's alone.
  void begin(pool::Master& master, std::string serves, std::function<void()> leave_master);
  // In the master: requests go to this one from now on.
  void become_current();
  // In the master: it is the one that answers on the admin listener, from now on or no more.
  void begin_admin(pool::Master& master);
  void end_admin();
  // For the pool; it must not outlive this.
  pool::Generation for_pool(std::vector<Fd> listeners, std::function<void()> on_end);
  // In a process that has been forked from the master: lets go of what is the master's alone; of
  // everything, if it is no process of this generation.
  void leave_master();
  void close();
  // In the master, when its last worker has ended: at once, or waiting for its other processes.
  void let_go();
  void end();

 private:
  std::unique_ptr<pool::Service> make_service(pool::Worker& worker);
  void enter_cgroup() const;
  void leave_admin();

  const Config config_;
  const std::vector<Listening> listening_;
  const std::vector<net::Address> addresses_;
  AccessLog access_log_;
  Common& common_;
  const std::uint32_t number_;
  const process::Privileges privileges_;
  const unsigned workers_;
  std::function<void()> leave_master_;
  std::optional<net::Listener> admin_listener_;
  std::unique_ptr<Reporter> reporter_;
  std::optional<KeeperHost> keeper_;
  std::optional<AdminHost> admin_;
};

}  // namespace cgisrv::server
