// The server in the master process: its generations, one after the other, and what outlives them.
#pragma once

#include <cgisrv/parent_only.h>
#include <cgisrv/pool.h>

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "admission/admission_scheduler.h"
#include "master/backend_lookup.h"
#include "master/certificates.h"
#include "master/control_commands.h"
#include "master/generation.h"
#include "master/orphans.h"
#include "master/resource_loader.h"
#include "master/serve.h"
#include "master/service_state.h"

namespace cgisrv::master {

// The exit status, as in sysexits.h, of a command or a server that fails with that error.
int exit_status_of(const Error& error);

class MasterProcess final : public ServerControl {
 public:
  MasterProcess(ServeOptions start, Common& common);
  ~MasterProcess();

  Result<LoadedResources> open(config::Config config) {
    return loader_.open(std::move(config), {});
  }
  // Serves `first` until told to end; returns the exit status.
  int run(LoadedResources first);

  // ---- ServerControl
  const config::Config& config() const override { return current_->config(); }
  const status::Reporter& reporter() const override { return current_->reporter(); }
  bool is_upgrading() const override { return upgrade_ != nullptr; }
  void reload(control::Reply reply) override;
  void upgrade(control::Reply reply) override;
  control::Answer reopen() override;
  control::Answer quit() override;
  control::Answer drain(telemetry::Presence wanted) override;
  control::Answer undrain() override;

 private:
  struct Admitting;

  pool::Hooks hooks();
  pool::WorkerGroupSpec for_pool(Generation& generation, std::vector<Fd> sockets);
  void begin(pool::Master& master);
  void begin(Generation& generation);
  void became_ready();
  void worker_ended(unsigned worker);
  void note_life(std::string_view what) const;
  void end();

  void look_up(config::Config next, std::string notes, control::Reply reply);
  void reload_with(config::Config next, std::string notes, const control::Reply& reply);
  void not_reloaded(const Error& why, const control::Reply& reply);
  void certificates_replaced();
  Result<void> begin_reload(config::Config config, std::string notes, const control::Reply& reply);
  void reloaded(const std::string& problem, const std::string& notes, const control::Reply& reply);
  bool is_busy() const;
  void hang_up();
  void take_over_presence();
  config::Duration delay_left() const;
  void finish();
  void terminate();
  void keep_error_log() const;
  void generation_ended(const Generation& generation);
  void upgraded(const std::string& problem, const control::Reply& reply);

  const ServeOptions start_;
  Common& common_;
  InheritedResources inherited_;
  ResourceLoader loader_{inherited_, common_};
  pool::Master* master_ = nullptr;
  std::unique_ptr<Orphans> orphans_;
  std::list<std::unique_ptr<Generation>> generations_;
  Generation* current_ = nullptr;
  Generation* next_ = nullptr;                // of a reload that is under way
  ParentOnly<std::vector<Fd>> next_sockets_;  // its listeners, until they are the pool's
  std::unique_ptr<Admitting> admitting_;
  std::unique_ptr<ControlCommands> control_commands_;
  std::unique_ptr<Upgrade> upgrade_;
  std::unique_ptr<BackendLookup> lookup_;  // of a reload that is under way
  std::unique_ptr<CertificateWatch> certificate_watch_;
  std::unique_ptr<ServiceState> state_;
  std::unique_ptr<Timer> hang_up_again_;
  std::unique_ptr<Timer> drain_delay_;
  TimePoint drained_at_{};  // if it is drained
  bool is_ready_ = false;
  bool is_leaving_ = false;  // was told to quit: still serves for drain_delay
  bool is_ending_ = false;
  bool handed_over_ = false;
};

}  // namespace cgisrv::master
