#include "master/generation.h"

#include <cstdlib>

#include "base/collect.h"
#include "base/exit_status.h"
#include "base/log.h"
#include "config/descriptors.h"
#include "config/password_rules.h"
#include "config/run_as.h"
#include "config/warm_programs.h"
#include "master/address_url.h"
#include "pool/worker_group.h"
#include "process/affinity.h"
#include "process/oom_score.h"
#include "process/privileges.h"
#include "worker/service.h"

namespace cgisrv::master {

namespace {

pool::Options pool_options(const config::ServerOptions& configured, unsigned workers) {
  pool::Options options;
  options.workers = workers;
  options.worker_connections = config::connections_allowed(configured, process::descriptor_limit());
  options.worker_events = configured.worker_events;
  options.dispatch = configured.dispatch;
  options.heartbeat_timeout = configured.heartbeat_timeout;
  options.shutdown_timeout = configured.shutdown_timeout;
  return options;
}

// First what needs the master's rights, then gives them up.
Result<void> give_up_rights(std::optional<process::Cgroups>& cgroups,
                            const process::Privileges& privileges) {
  if (cgroups)
    if (auto entered = cgroups->enter(); !entered) return entered;
  return process::drop_privileges(privileges);
}

}  // namespace

Generation::Generation(config::Config config, std::vector<Listening> listening,
                       AdminListeners admin, accesslog::AccessLog access_log,
                       LoadedCertificates certificates, Common& common)
    : config_(std::move(config)),
      listening_(std::move(listening)),
      addresses_(collect(listening_, &Listening::address)),
      access_log_(std::move(access_log)),
      contexts_(std::move(certificates.contexts)),
      admin_contexts_(std::move(certificates.admin)),
      certificate_states_(std::move(certificates.files)),
      common_(common),
      number_(++common.generations),
      privileges_(config::privileges_of(config_)),
      workers_(pool::worker_count(config_.server.workers)) {
  if (admin.pages) admin_listener_.emplace(std::move(*admin.pages));
  if (admin.agent) agent_listener_.emplace(std::move(*admin.agent));
}

Generation::~Generation() = default;

void Generation::begin(pool::Master& master, Orphans& orphans, std::string serves) {
  reporter_ = std::make_unique<status::Reporter>(
      master, common_.table, common_.shared_stats,
      status::Reporter::About{
          .serves = std::move(serves),
          .configured = !config_.file.empty(),
          .listeners = collect(
              listening_,
              [](const Listening& each) { return listener_text(each.address, *each.options); }),
          .certificates = reported_certificates(config_),
          .worker_connections =
              config::connections_allowed(config_.server, process::descriptor_limit())});
  if (config::wants_zygote_manager(config_))
    zygote_manager_.emplace(master, config_, privileges_, common_.descriptors, orphans,
                            common_.table, number_, [this] { enter_cgroup(); });
  if (!config::password_rules(config_).empty())
    password_checker_.emplace(master, config_, privileges_);
}

void Generation::become_current() {
  common_.table.count_zygotes_of(number_);
}

void Generation::begin_admin(pool::Master& master) {
  if (!admin_listener_) return;
  admin_.emplace(
      master,
      AdminDescriptors{*admin_listener_, agent_listener_ ? &*agent_listener_ : nullptr,
                       admin_contexts_},
      AdminSources{config_.admin, config_.server.heartbeat_timeout, *reporter_, common_.table,
                   common_.shared_stats, config::wants_zygote_manager(config_)},
      privileges_);
}

void Generation::end_admin() {
  admin_.reset();
  // Or clients would wait in their backlogs.
  if (admin_listener_) (*admin_listener_)->socket.reset();
  if (agent_listener_) (*agent_listener_)->socket.reset();
}

pool::WorkerGroupSpec Generation::for_pool(std::vector<Fd> listeners,
                                           std::function<void()> on_end) {
  std::vector<unsigned> activated;
  for (unsigned listener = 0; listener < listening_.size(); ++listener)
    if (listening_[listener].activated) activated.push_back(listener);
  return {.options = pool_options(config_.server, workers_),
          .listeners = std::move(listeners),
          .factory = [this](pool::Worker& worker) { return make_service(worker); },
          .keep_in_worker =
              [this] {
                access_log_.keep();
                contexts_.keep();
                if (zygote_manager_) zygote_manager_->keep_workers_end();
                if (password_checker_) password_checker_->keep_workers_end();
              },
          .on_end = std::move(on_end),
          .held_elsewhere = std::move(activated)};
}

// Like a worker, the zygote manager needs the master's rights to enter the group from which its
// children may be moved.
void Generation::enter_cgroup() const {
  if (!common_.cgroups) return;
  if (const auto entered = common_.cgroups->enter(); !entered)
    log::line(log::Level::error, "the zygote manager: {}", entered.error().what);
}

std::unique_ptr<pool::Service> Generation::make_service(pool::Worker& worker) {
  process::raise_oom_score();
  if (config_.server.cpu_affinity) process::stay_on_one_processor(worker.ordinal(), workers_);
  if (auto given_up = give_up_rights(common_.cgroups, privileges_); !given_up) {
    log::line(log::Level::fatal, "worker {}: {}", worker.index(), given_up.error().what);
    std::exit(exit_status::permission);
  }
  return std::make_unique<worker::Service>(
      worker, config_,
      worker::Dependencies{
          .addresses = addresses_,
          .pid_table = common_.pid_table,
          .table = common_.table,
          .access_log = access_log_,
          .descriptors = common_.descriptors,
          .listeners = collect(listening_, &Listening::options),
          .contexts = contexts_->get(),
          .cgroups = common_.cgroups ? &*common_.cgroups : nullptr,
          .zygote_manager = zygote_manager_ ? zygote_manager_->workers_end() : -1,
          .password_checker = password_checker_ ? password_checker_->workers_end() : -1,
          .shared_stats = &common_.shared_stats});
}

void Generation::let_go() {
  end_admin();
  password_checker_.reset();
  if (zygote_manager_) zygote_manager_->let_go();
}

void Generation::end() {
  end_admin();
  password_checker_.reset();
  zygote_manager_.reset();
}

}  // namespace cgisrv::master
