// What the workers of one configuration share: the part of the server that a reload replaces.
#pragma once

#include <cgisrv/parent_only.h>
#include <cgisrv/pool.h>
#include <sys/resource.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "accesslog/access_log.h"
#include "admission/table.h"
#include "config/config.h"
#include "master/admin_host.h"
#include "master/certificates.h"
#include "master/orphans.h"
#include "master/password_checker_host.h"
#include "master/zygote_manager_host.h"
#include "net/listener.h"
#include "process/cgroup.h"
#include "process/pid_table.h"
#include "process/privileges.h"
#include "tls/contexts.h"
#include "tls/ticket_keys.h"
#include "worker/service.h"

namespace cgisrv::master {

// What all generations share; made by the master before its first worker.
struct Common {
  static constexpr unsigned programs_per_worker_max = 16 * 1024;

  rlimit descriptors{};  // the programs' limit
  std::optional<process::Cgroups> cgroups;
  process::PidTable pid_table{pool::slots_max, programs_per_worker_max};
  admission::Table table;
  telemetry::SharedStats shared_stats;
  tls::TicketKeys ticket_keys;
  std::uint32_t generations = 0;  // number of generations so far
};

// A socket that listens. Several can be of one [[listen]], such as those of "fd:web".
struct Listening {
  net::Address address;
  bool activated = false;                            // by a service manager
  const config::ListenerOptions* options = nullptr;  // of the generation's configuration
};

// Of the admin process; each may be absent.
struct AdminListeners {
  std::optional<net::Listener> pages;
  std::optional<net::Listener> agent;  // HAProxy's
};

class Generation {
 public:
  // `listening`: in the order of the sockets.
  Generation(config::Config config, std::vector<Listening> listening, AdminListeners admin,
             accesslog::AccessLog access_log, LoadedCertificates certificates, Common& common);
  ~Generation();

  const config::Config& config() const { return config_; }
  const std::vector<Listening>& listening() const { return listening_; }
  // The admin listener; null: none.
  const net::Listener* admin() const { return admin_listener_ ? &**admin_listener_ : nullptr; }
  // The one that HAProxy asks; null: none.
  const net::Listener* agent() const { return agent_listener_ ? &**agent_listener_ : nullptr; }
  accesslog::AccessLog& access_log() { return access_log_; }
  const FileStates& certificate_states() const { return certificate_states_; }
  const status::Reporter& reporter() const { return *reporter_; }
  // 0: none.
  pid_t zygote_manager() const { return zygote_manager_ ? zygote_manager_->pid() : 0; }
  unsigned workers() const { return workers_; }

  // In the master, before its workers are started. `serves`: for the report. `orphans` outlive
  // this.
  void begin(pool::Master& master, Orphans& orphans, std::string serves);
  // In the master: new requests go to this generation from now on.
  void become_current();
  // In the master: its admin process answers on the admin listener from now on, or ends.
  void begin_admin(pool::Master& master);
  void end_admin();
  // For the pool, which must not keep it longer than this lives.
  pool::WorkerGroupSpec for_pool(std::vector<Fd> listeners, std::function<void()> on_end);
  // In the master, when its last worker has ended: ends at once, or awaits its other processes.
  void let_go();
  void end();

 private:
  std::unique_ptr<pool::Service> make_service(pool::Worker& worker);
  void enter_cgroup() const;

  const config::Config config_;
  const std::vector<Listening> listening_;
  const std::vector<net::Address> addresses_;
  accesslog::AccessLog access_log_;
  ParentOnly<std::unique_ptr<tls::Contexts>> contexts_;        // the keys: for workers alone
  ParentOnly<std::unique_ptr<tls::Contexts>> admin_contexts_;  // for the admin process alone
  const FileStates certificate_states_;                        // as they were read
  Common& common_;
  const std::uint32_t number_;
  const process::Privileges privileges_;
  const unsigned workers_;
  std::optional<ParentOnly<net::Listener>> admin_listener_;
  std::optional<ParentOnly<net::Listener>> agent_listener_;
  std::unique_ptr<status::Reporter> reporter_;
  std::optional<ZygoteManagerHost> zygote_manager_;
  std::optional<PasswordCheckerHost> password_checker_;
  std::optional<AdminHost> admin_;
};

}  // namespace cgisrv::master
