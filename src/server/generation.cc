#include "server/generation.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "process/affinity.h"
#include "server/address_url.h"
#include "server/run_as.h"
#include "server/serve.h"
#include "server/service.h"

namespace cgisrv::server {

namespace {

unsigned worker_count(const Config& config) {
  const unsigned wanted =
      config.server.workers != 0 ? config.server.workers : std::thread::hardware_concurrency();
  return std::clamp(wanted, 1U, pool::workers_max);
}

pool::Options pool_options(const ServerOptions& configured, unsigned workers) {
  pool::Options options;
  options.workers = workers;
  options.worker_connections = configured.worker_connections;
  options.worker_events = configured.worker_events;
  options.dispatch = configured.dispatch;
  options.heartbeat_timeout = configured.heartbeat_timeout;
  options.shutdown_timeout = configured.shutdown_timeout;
  return options;
}

// What takes the master's rights, then giving them up.
Result<void> give_up_rights(std::optional<process::Cgroups>& cgroups,
                            const process::Privileges& privileges) {
  if (cgroups)
    if (auto entered = cgroups->enter(); !entered) return entered;
  return process::drop_privileges(privileges);
}

std::vector<net::Address> addresses_of(const std::vector<Listening>& listening) {
  std::vector<net::Address> addresses;
  addresses.reserve(listening.size());
  for (const Listening& each : listening)
    addresses.push_back(each.address);
  return addresses;
}

}  // namespace

Generation::Generation(Config config, std::vector<Listening> listening,
                       std::optional<net::Listener> admin, AccessLog access_log, Common& common)
    : config_(std::move(config)),
      listening_(std::move(listening)),
      addresses_(addresses_of(listening_)),
      access_log_(std::move(access_log)),
      common_(common),
      number_(++common.generations),
      privileges_(privileges_of(config_)),
      workers_(worker_count(config_)),
      admin_listener_(std::move(admin)) {}

Generation::~Generation() = default;

void Generation::begin(pool::Master& master, std::string serves,
                       std::function<void()> leave_master) {
  leave_master_ = std::move(leave_master);
  std::vector<std::string> urls;
  urls.reserve(addresses_.size());
  for (const net::Address& address : addresses_)
    urls.push_back(address_url(address));
  reporter_ = std::make_unique<Reporter>(
      master, common_.table, common_.board,
      Reporter::About{.serves = std::move(serves),
                      .configured = !config_.file.empty(),
                      .listeners = std::move(urls),
                      .worker_connections = config_.server.worker_connections});
  if (wants_keeper(config_))
    keeper_.emplace(master, config_, privileges_, common_.descriptors, common_.table, number_,
                    [this] {
                      leave_master_();
                      access_log_.close();
                      enter_cgroup();
                    });
}

void Generation::become_current() {
  common_.table.count_zygotes_of(number_);
}

void Generation::begin_admin(pool::Master& master) {
  if (!admin_listener_) return;
  admin_.emplace(master, *admin_listener_,
                 AdminSources{config_.admin, *reporter_, common_.table, common_.board}, privileges_,
                 [this] {
                   leave_master_();
                   access_log_.close();
                 });
}

void Generation::end_admin() {
  admin_.reset();
  if (admin_listener_) admin_listener_->socket.reset();  // or clients would wait in its backlog
}

pool::Generation Generation::for_pool(std::vector<Fd> listeners, std::function<void()> on_end) {
  return {.options = pool_options(config_.server, workers_),
          .listeners = std::move(listeners),
          .factory = [this](pool::Worker& worker) { return make_service(worker); },
          .on_end = std::move(on_end)};
}

// As a worker, the keeper takes the master's rights to be where its children may be moved from.
void Generation::enter_cgroup() const {
  if (!common_.cgroups) return;
  if (const auto entered = common_.cgroups->enter(); !entered)
    log::line(log::Level::error, "the keeper of warm programs: {}", entered.error().what);
}

std::unique_ptr<pool::Service> Generation::make_service(pool::Worker& worker) {
  leave_master_();
  if (config_.server.cpu_affinity) process::stay_on_one_processor(worker.ordinal(), workers_);
  if (auto given_up = give_up_rights(common_.cgroups, privileges_); !given_up) {
    log::line(log::Level::fatal, "worker {}: {}", worker.index(), given_up.error().what);
    std::exit(status::permission);
  }
  auto service = std::make_unique<Service>(worker, config_, addresses_, common_.roster,
                                           common_.table, access_log_, common_.descriptors);
  if (common_.cgroups) service->run_context().cgroups = &*common_.cgroups;
  if (keeper_) service->use_keeper(keeper_->workers_end());
  service->use_board(common_.board);
  return service;
}

void Generation::leave_master() {
  leave_admin();
  access_log_.abandon();
  if (keeper_) keeper_->abandon();
}

void Generation::leave_admin() {
  if (admin_) admin_->abandon();
  if (admin_listener_) admin_listener_->socket.reset();
}

void Generation::close() {
  leave_admin();
  access_log_.close();
  if (keeper_) keeper_->close();
}

void Generation::let_go() {
  end_admin();
  if (keeper_) keeper_->let_go();
}

void Generation::end() {
  end_admin();
  keeper_.reset();
}

}  // namespace cgisrv::server
