#include "server/serve.h"

#include <cgisrv/pool.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <thread>

#include "admission/arbiter.h"
#include "admission/pressure.h"
#include "base/log.h"
#include "files/mime.h"
#include "net/handed_over.h"
#include "net/listener.h"
#include "process/affinity.h"
#include "process/cgroup.h"
#include "process/privileges.h"
#include "process/roster.h"
#include "process/service_manager.h"
#include "server/access_log.h"
#include "server/keeper_host.h"
#include "server/operator.h"
#include "server/run_as.h"
#include "server/service.h"
#include "server/service_state.h"

namespace cgisrv::server {

namespace {

constexpr unsigned programs_per_worker_max = 16 * 1024;
constexpr rlim_t descriptors_spare = 64;

int complain(const Error& error, int fallback) {
  std::fprintf(stderr, "cgisrv: %s\n", error.what.c_str());
  if (error.code == EADDRINUSE || error.code == EADDRNOTAVAIL) return status::unavailable;
  return error.code == EACCES || error.code == EPERM ? status::permission : fallback;
}

// "http://127.0.0.1:8888/"; for the unspecified address a name that a browser can open.
std::string url(const net::Address& address) {
  if (address.family() == AF_UNIX) return address.text();
  const std::string host = address.host();
  if (host == "::" || host == "0.0.0.0") return fmt::format("http://localhost:{}/", address.port());
  return fmt::format("http://{}/", address.text());
}

// Those of one address: several may have been handed over under one name.
Result<std::vector<net::Listener>> open_listener(std::string_view address,
                                                 net::HandedOver& handed_over) {
  if (address.starts_with(net::handed_over_prefix))
    return handed_over.claim(address.substr(net::handed_over_prefix.size()));
  auto listener = net::listen(address);
  if (!listener) return std::unexpected(listener.error());
  std::vector<net::Listener> listeners;
  listeners.push_back(std::move(*listener));
  return listeners;
}

Result<std::vector<net::Listener>> open_listeners(const Config& config,
                                                  net::HandedOver& handed_over) {
  std::vector<net::Listener> listeners;
  for (const Listen& listen : config.listen) {
    auto opened = open_listener(listen.address, handed_over);
    if (!opened) return std::unexpected(opened.error());
    std::ranges::move(*opened, std::back_inserter(listeners));
  }
  if (listeners.size() > pool::listeners_max)
    return fail("{} listeners are too many; at most {}", listeners.size(), pool::listeners_max);
  return listeners;
}

void close_unused(net::HandedOver& handed_over) {
  for (const std::string& socket : handed_over.close_rest())
    log::line(log::Level::warn,
              "the service manager handed over socket {}, which no listener uses: closed", socket);
}

Result<void> write_pid_file(const std::string& path) {
  if (path.empty()) return {};
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  const std::string text = fmt::format("{}\n", ::getpid());
  if (!file || ::write(file.get(), text.data(), text.size()) < 0)
    return fail_errno(errno, "writing the pid file {}", path);
  return {};
}

Result<AccessLog> open_logs(const Config& config) {
  auto access_log = AccessLog::open(config.access_log);
  if (!access_log) return access_log;
  if (auto opened = log::open(config.error_log); !opened) return std::unexpected(opened.error());
  log::set_level(log::parse_level(config.log_level).value_or(log::Level::info));
  if (config.server.user.empty() && ::geteuid() == 0)
    log::line(log::Level::warn,
              "programs run as root: a mistake in one of them gives the machine away; start as "
              "another user, or use a configuration that names one");
  return access_log;
}

pool::Options pool_options(const Config& config, unsigned workers) {
  pool::Options options;
  options.workers = workers;
  options.worker_connections = config.server.worker_connections;
  options.worker_events = config.server.worker_events;
  options.dispatch = config.server.dispatch;
  options.heartbeat_timeout = config.server.heartbeat_timeout;
  options.shutdown_timeout = config.server.shutdown_timeout;
  return options;
}

void announce(const std::vector<net::Address>& addresses, const std::string& what) {
  for (const net::Address& address : addresses)
    std::printf("cgisrv: serving %s at %s\n", what.c_str(), url(address).c_str());
  std::fflush(stdout);
}

std::vector<std::string> texts(const std::vector<net::Address>& addresses) {
  std::vector<std::string> found;
  found.reserve(addresses.size());
  for (const net::Address& address : addresses)
    found.push_back(url(address));
  return found;
}

// Who may run: decided in the master.
struct Admitting {
  Admitting(pool::Master& master, const ServerOptions& options, unsigned workers,
            admission::Table& table)
      : arbiter(table, options.max_running,
                [&master](unsigned worker, const admission::Message& message) {
                  return master.tell(worker, admission::bytes_of(message));
                }) {
    if (options.pressure.any())
      pressure.emplace(master.loop(), options.pressure,
                       admission::Restraint(workers, options.max_running), table, arbiter);
  }
  admission::Arbiter arbiter;
  std::optional<admission::Pressure> pressure;
};

using MaybeCgroups = std::optional<process::Cgroups>;

Result<MaybeCgroups> prepare_cgroups(const Config& config) {
  if (!config.server.cgroups) return std::nullopt;
  auto prepared = process::Cgroups::prepare(config.server.user);
  if (!prepared) return std::unexpected(prepared.error());
  return std::move(*prepared);
}

// What takes the master's rights, then giving them up.
Result<void> begin_worker(pool::Worker& worker, MaybeCgroups& cgroups,
                          const process::Privileges& privileges) {
  if (cgroups)
    if (auto entered = cgroups->enter(worker.index()); !entered) return entered;
  return process::drop_privileges(privileges);
}

// The sockets of the listeners, in order.
std::vector<Fd> take_sockets(std::vector<net::Listener>& listeners) {
  std::vector<Fd> sockets;
  for (net::Listener& listener : listeners)
    sockets.push_back(std::move(listener.socket));
  return sockets;
}

std::vector<net::Address> addresses_of(const std::vector<net::Listener>& listeners) {
  std::vector<net::Address> addresses;
  for (const net::Listener& listener : listeners)
    addresses.push_back(listener.address);
  return addresses;
}

unsigned worker_count(const Config& config) {
  const unsigned wanted =
      config.server.workers != 0 ? config.server.workers : std::thread::hardware_concurrency();
  return std::clamp(wanted, 1U, pool::workers_max);
}

// What master and workers have in common, and what each does with it.
class Serving {
 public:
  Serving(const Config& config, const std::string& what, const rlimit& descriptors,
          const std::vector<net::Listener>& listeners, const process::ServiceManager& manager,
          AccessLog& access_log, MaybeCgroups cgroups)
      : config_(config),
        what_(what),
        descriptors_(descriptors),
        listeners_(listeners),
        manager_(manager),
        access_log_(access_log),
        cgroups_(std::move(cgroups)) {}

  pool::Generation generation(std::vector<Fd> listeners);
  pool::Hooks hooks();
  std::unique_ptr<pool::Service> make_service(pool::Worker& worker);
  // When all have ended.
  void clean_up();

 private:
  void begin(pool::Master& master);
  void begin_keeper();
  void abandon_logs();
  void end();

  const Config& config_;
  const std::string& what_;
  const rlimit descriptors_;
  const std::vector<net::Listener>& listeners_;
  const std::vector<net::Address> addresses_ = addresses_of(listeners_);
  const process::ServiceManager& manager_;
  AccessLog& access_log_;
  MaybeCgroups cgroups_;
  const unsigned workers_ = worker_count(config_);
  const process::Privileges privileges_ = privileges_of(config_);
  process::Roster roster_{pool::slots_max, programs_per_worker_max};
  admission::Table table_;
  // The master's:
  std::optional<Admitting> admitting_;
  std::unique_ptr<Operator> administrator_;
  std::optional<KeeperHost> keeper_;
  std::optional<ServiceState> state_;
};

pool::Generation Serving::generation(std::vector<Fd> listeners) {
  return {.options = pool_options(config_, workers_),
          .listeners = std::move(listeners),
          .factory = [this](pool::Worker& worker) { return make_service(worker); },
          .on_end = {}};
}

pool::Hooks Serving::hooks() {
  pool::Hooks hooks;
  hooks.on_start = [this](pool::Master& master) { begin(master); };
  hooks.on_ready = [this] {
    announce(addresses_, what_);
    state_->ready();
  };
  hooks.on_stop = [this] { state_->stopping(); };
  hooks.on_message = [this](unsigned worker, std::string_view bytes) {
    if (const auto message = admission::message_from(bytes))
      admitting_->arbiter.told(worker, *message);
  };
  hooks.on_worker_end = [this](unsigned worker) {
    roster_.end_programs_of(worker, keeper_ ? keeper_->pid() : 0);
    admitting_->arbiter.worker_ended(worker);
  };
  hooks.on_end = [this] { end(); };
  // A terminal that closes stops a server in directory mode; an administrator who means "reload"
  // must not lose one that runs by configuration.
  if (!config_.file.empty()) hooks.on_hangup = [this] { administrator_->reload(); };
  hooks.on_user1 = [this] { administrator_->reopen(); };
  return hooks;
}

void Serving::begin(pool::Master& master) {
  state_.emplace(manager_, master, what_);
  administrator_ =
      std::make_unique<Operator>(master, config_, std::filesystem::weakly_canonical(what_).string(),
                                 texts(addresses_), table_, access_log_);
  admitting_.emplace(master, config_.server, workers_, table_);
  if (wants_keeper(config_))
    keeper_.emplace(master, config_, privileges_, descriptors_, [this] { begin_keeper(); });
}

// As a worker, it takes the master's rights to be where its children may be moved from.
void Serving::begin_keeper() {
  administrator_->abandon();
  abandon_logs();
  if (!cgroups_) return;
  if (const auto entered = cgroups_->enter(pool::slots_max); !entered)
    log::line(log::Level::error, "the keeper of warm programs: {}", entered.error().what);
}

// In a child: its logs are opened anew by the master.
void Serving::abandon_logs() {
  log::abandon();
  access_log_.abandon();
}

void Serving::end() {
  state_.reset();
  keeper_.reset();
  administrator_.reset();
  admitting_.reset();
}

std::unique_ptr<pool::Service> Serving::make_service(pool::Worker& worker) {
  administrator_->abandon();
  abandon_logs();
  if (keeper_) keeper_->abandon();
  if (config_.server.cpu_affinity) process::stay_on_one_processor(worker.ordinal(), workers_);
  if (auto begun = begin_worker(worker, cgroups_, privileges_); !begun)
    std::exit(complain(begun.error(), status::permission));
  auto service = std::make_unique<Service>(worker, config_, addresses_, roster_, table_,
                                           access_log_, descriptors_);
  if (cgroups_) service->run_context().cgroups = &*cgroups_;
  if (keeper_) service->use_keeper(keeper_->workers_end());
  return service;
}

void Serving::clean_up() {
  if (cgroups_) cgroups_->remove();
  for (const net::Listener& listener : listeners_)
    if (!listener.handed_over) net::unlink_socket(listener.address);
  if (!config_.server.pid_file.empty()) ::unlink(config_.server.pid_file.c_str());
}

}  // namespace

int serve(const Config& config, const std::string& what) {
  if (auto clean = process::clean_inheritance(); !clean)
    return complain(clean.error(), status::software);
  const auto manager = process::ServiceManager::take();
  auto handed_over = net::HandedOver::take();
  // A connection needs one descriptor, or five while a program runs for it.
  const rlimit descriptors =
      process::raise_descriptor_limit(config.server.worker_connections + descriptors_spare);
  if (const auto may = check_user(config); !may)
    return complain(may.error(), status::configuration);
  if (!config.file.empty()) process::forbid_tracing();  // an author may trace what he tries out
  auto listeners = open_listeners(config, handed_over);
  if (!listeners) return complain(listeners.error(), status::usage);
  auto access_log = open_logs(config);
  if (!access_log) return complain(access_log.error(), status::configuration);
  close_unused(handed_over);
  if (auto written = write_pid_file(config.server.pid_file); !written)
    return complain(written.error(), status::permission);
  auto cgroups = prepare_cgroups(config);
  if (!cgroups) return complain(cgroups.error(), status::configuration);
  files::load_mime_types();
  std::vector<Fd> sockets = take_sockets(*listeners);

  Serving serving(config, what, descriptors, *listeners, manager, *access_log, std::move(*cgroups));
  const int result = pool::run(serving.generation(std::move(sockets)), serving.hooks());
  serving.clean_up();
  return result;
}

}  // namespace cgisrv::server
