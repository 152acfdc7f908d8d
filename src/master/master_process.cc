#include "master/master_process.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "accesslog/logs.h"
#include "admission/limit_monitor.h"
#include "admission/psi_monitor.h"
#include "base/exit_status.h"
#include "base/log.h"
#include "base/text.h"
#include "config/backend_names.h"
#include "config/password_rules.h"
#include "master/announcement.h"
#include "master/pid_file.h"

namespace cgisrv::master {

namespace {

constexpr std::chrono::milliseconds busy_interval{100};
constexpr std::string_view busy =
    "the server is starting, or ending, or a reload or an upgrade is under way; try again later\n";

// Settings that a running server cannot change: keeps the present ones, and says so in the text.
std::string keep_what_needs_a_restart(const config::Config& now, config::Config& next) {
  std::string notes;
  const auto keep = [&](auto config::ServerOptions::*option, std::string_view name) {
    if (now.server.*option == next.server.*option) return;
    next.server.*option = now.server.*option;
    notes += fmt::format("[server] {} takes effect when the server is started again\n", name);
  };
  keep(&config::ServerOptions::cgroups, "cgroups");
  keep(&config::ServerOptions::pid_file, "pid_file");
  keep(&config::ServerOptions::runtime_dir, "runtime_dir");
  if (now.server.cgroups) keep(&config::ServerOptions::user, "user (with cgroups)");
  return notes;
}

}  // namespace

// Decides in the master which programs may run.
struct MasterProcess::Admitting {
  Admitting(pool::Master& master, admission::Table& shared, const Generation& generation)
      : table(shared),
        scheduler(table, generation.config().server.max_running,
                  [&master](unsigned worker, const admission::Message& message) {
                    return master.tell(worker, admission::bytes_of(message));
                  }),
        limit_monitor(master.loop(), table, scheduler) {
    follow(master.loop(), generation);
  }
  void follow(Loop& loop, const Generation& generation) {
    const config::ServerOptions& options = generation.config().server;
    psi_monitor.reset();
    scheduler.set_total(options.max_running);
    if (options.pressure.any())
      psi_monitor.emplace(loop, options.pressure,
                          admission::AdaptiveLimit(generation.workers(), options.max_running),
                          table, scheduler);
  }

  admission::Table& table;
  admission::AdmissionScheduler scheduler;
  admission::LimitMonitor limit_monitor;
  std::optional<admission::PsiMonitor> psi_monitor;
};

int exit_status_of(const Error& error) {
  if (error.code == EINVAL) return exit_status::usage;
  if (error.code == EADDRINUSE || error.code == EADDRNOTAVAIL || error.code == EBUSY ||
      error.code == EHOSTUNREACH)
    return exit_status::unavailable;
  return error.code == EACCES || error.code == EPERM ? exit_status::permission
                                                     : exit_status::configuration;
}

MasterProcess::MasterProcess(ServeOptions start, Common& common)
    : start_(std::move(start)), common_(common) {}

MasterProcess::~MasterProcess() = default;

// ---- running -----------------------------------------------------------------------------------

int MasterProcess::run(LoadedResources first) {
  current_ = generations_.emplace_back(std::move(first.generation)).get();
  if (!inherited_.inheritance.is_successor())
    if (auto written = write_pid_file(config().server.pid_file); !written) {
      loader_.unlink_made();
      const bool is_wrong = written.error().code == ENOENT || written.error().code == 0;
      return exit_status::complain(written.error(),
                                   is_wrong ? exit_status::configuration : exit_status::permission);
    }
  loader_.close_unused();
  const int result = pool::run(for_pool(*current_, std::move(first.sockets)), hooks());
  if (common_.cgroups) common_.cgroups->remove();
  remove_pid_file(config().server.pid_file);
  return result;
}

pool::WorkerGroupSpec MasterProcess::for_pool(Generation& generation, std::vector<Fd> sockets) {
  return generation.for_pool(std::move(sockets),
                             [this, &generation] { generation_ended(generation); });
}

pool::Hooks MasterProcess::hooks() {
  pool::Hooks hooks;
  hooks.on_start = [this](pool::Master& master) { begin(master); };
  hooks.on_ready = [this] { became_ready(); };
  hooks.on_stop = [this] {
    is_ending_ = true;
    note_life("stopping");
    if (upgrade_) upgrade_->give_up("the server is about to end");
    if (!handed_over_) state_->stopping(config().server.shutdown_timeout);
    // Now, while they listen: later another server may have replaced them.
    if (!handed_over_ && (is_ready_ || !inherited_.inheritance.is_successor()))
      unlink_sockets(*current_, nullptr);
  };
  hooks.on_message = [this](unsigned worker, std::string_view bytes) {
    const auto message = admission::message_from(bytes);
    if (!message) return;
    admitting_->scheduler.on_message(worker, *message);
    admitting_->limit_monitor.on_message(*message);
  };
  hooks.on_room = [this](unsigned worker) { admitting_->scheduler.has_room(worker); };
  hooks.on_worker_end = [this](unsigned worker) { worker_ended(worker); };
  hooks.on_end = [this] { end(); };
  const auto to_nobody = [](const control::Answer&) {};
  // Closing the terminal stops a server in directory mode. With a configuration, an administrator
  // who means "reload" must not lose the server.
  if (!config().file.empty()) hooks.on_hangup = [this] { hang_up(); };
  // nohup(1)
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (config().file.empty() && hangup.sa_handler == SIG_IGN) hooks.on_hangup = [] {};
  hooks.on_quit = [this] { logged(quit()); };
  hooks.on_terminate = [this] { terminate(); };
  hooks.on_user1 = [this] { reopen(); };
  hooks.on_user2 = [=, this] { upgrade(to_nobody); };
  return hooks;
}

void MasterProcess::begin(pool::Master& master) {
  master_ = &master;
  hang_up_again_ =
      std::make_unique<Timer>(master.loop(), Callback::of<&MasterProcess::hang_up>(*this));
  drain_delay_ =
      std::make_unique<Timer>(master.loop(), Callback::of<&MasterProcess::finish>(*this));
  state_ = std::make_unique<ServiceState>(inherited_.sd_notify, master, start_.what);
  take_over_presence();
  orphans_ = std::make_unique<Orphans>(master.loop());
  control_commands_ = std::make_unique<ControlCommands>(master, *this);
  admitting_ = std::make_unique<Admitting>(master, common_.table, *current_);
  certificate_watch_ = std::make_unique<CertificateWatch>(master.loop(), common_.ticket_keys,
                                                          [this] { certificates_replaced(); });
  certificate_watch_->follow(config(), current_->certificate_states());
  current_->become_current();
  begin(*current_);
  // Until then the older server answers.
  if (!inherited_.inheritance.is_successor()) current_->begin_admin(master);
}

void MasterProcess::begin(Generation& generation) {
  generation.begin(*master_, *orphans_, std::filesystem::weakly_canonical(start_.what).string());
}

void MasterProcess::became_ready() {
  is_ready_ = true;
  if (inherited_.inheritance.is_successor()) {
    if (auto written = write_pid_file(config().server.pid_file); !written)
      log::line(log::Level::error, "{}", written.error().what);
    current_->begin_admin(*master_);
  }
  inherited_.inheritance.tell_that_we_serve();
  announce(start_.what, *current_);
  note_life(fmt::format("started: {} at {}", text::counted(current_->workers(), "worker"),
                        addresses_of(*current_)));
  if (start_.open_browser && !inherited_.inheritance.is_successor()) open_first(*current_);
  state_->ready();
}

void MasterProcess::worker_ended(unsigned worker) {
  std::vector<pid_t> starters = orphans_->zygotes();
  for (const auto& generation : generations_)
    if (generation->zygote_manager() != 0) starters.push_back(generation->zygote_manager());
  process::Cgroups* const cgroups = common_.cgroups ? &*common_.cgroups : nullptr;
  common_.pid_table.end_programs_of(worker, starters, [cgroups](pid_t program) {
    if (cgroups != nullptr) cgroups->kill_group_of(program);
  });
  if (cgroups != nullptr) cgroups->remove_of_the_dead();
  admitting_->scheduler.worker_ended(worker);
}

// The first that one looks for in a log after a crash. Where a directory is served, the terminal
// shows it.
void MasterProcess::note_life(std::string_view what) const {
  if (!config().file.empty()) log::line(log::Level::notice, "{}: {}", config().file, what);
}

void MasterProcess::end() {
  note_life(handed_over_ ? "ended: its successor serves" : "stopped");
  state_.reset();
  hang_up_again_.reset();
  drain_delay_.reset();
  upgrade_.reset();
  lookup_.reset();
  generations_.remove_if([this](const auto& each) { return each.get() != current_; });
  current_->end();
  orphans_.reset();
  control_commands_.reset();
  certificate_watch_.reset();
  admitting_.reset();
}

// ---- reload ------------------------------------------------------------------------------------

bool MasterProcess::is_busy() const {
  return !is_ready_ || is_leaving_ || is_ending_ || next_ != nullptr || upgrade_ || lookup_;
}

// A signal's sender sees no refusal, so it is carried out when possible.
void MasterProcess::hang_up() {
  if (!is_busy()) return reload([](const control::Answer&) {});
  if (!is_leaving_ && !is_ending_) hang_up_again_->arm_after(busy_interval);
}

void MasterProcess::reload(control::Reply reply) {
  if (is_busy()) return reply(logged({exit_status::unavailable, std::string(busy)}));
  state_->reloading();
  auto config = start_.read_config();
  if (!config) {
    common_.shared_stats.count_reload(false);
    state_->ready();
    std::string text;
    for (const std::string& fault : config.error())
      text += fault + "\n";
    return reply(logged({exit_status::configuration,
                         text + "nothing was changed: the server goes on as it is configured\n"}));
  }
  std::string notes = keep_what_needs_a_restart(this->config(), *config);
  look_up(std::move(*config), std::move(notes), std::move(reply));
}

// Names may take seconds. Whatever ends the server meanwhile ends that, too.
void MasterProcess::look_up(config::Config next, std::string notes, control::Reply reply) {
  if (config::unknown_backends(next).empty())
    return reload_with(std::move(next), std::move(notes), reply);
  lookup_ = std::make_unique<BackendLookup>(
      master_->loop(), std::move(next),
      [this, notes = std::move(notes), reply = std::move(reply)](Result<config::Config> found) {
        const auto lookup = std::exchange(lookup_, nullptr);
        if (is_leaving_ || is_ending_)
          return reply(logged({exit_status::unavailable, std::string(busy)}));
        if (!found) return not_reloaded(found.error(), reply);
        reload_with(std::move(*found), notes, reply);
      });
  lookup_->begin();
}

// The configuration stays as it is: its file may be in an editor.
void MasterProcess::certificates_replaced() {
  if (is_busy()) return;  // the next look sees them too
  state_->reloading();
  reload_with(config(), "certificates have changed\n", [](const control::Answer&) {});
}

void MasterProcess::reload_with(config::Config next, std::string notes,
                                const control::Reply& reply) {
  const auto begun = begin_reload(std::move(next), std::move(notes), reply);
  if (!begun) not_reloaded(begun.error(), reply);
}

void MasterProcess::not_reloaded(const Error& why, const control::Reply& reply) {
  common_.shared_stats.count_reload(false);
  state_->ready();
  reply(logged({exit_status_of(why),
                fmt::format("{}\nnothing was changed: the server goes on as it is configured\n",
                            why.what)}));
}

Result<void> MasterProcess::begin_reload(config::Config config, std::string notes,
                                         const control::Reply& reply) {
  auto loaded = loader_.open(std::move(config), {current_, &master_->listeners()});
  if (!loaded) return std::unexpected(loaded.error());
  next_ = generations_.emplace_back(std::move(loaded->generation)).get();
  next_sockets_ = std::move(loaded->sockets);
  begin(*next_);  // forks
  const auto problem =
      master_->replace(for_pool(*next_, std::exchange(*next_sockets_, {})),
                       [this, notes = std::move(notes), reply](const std::string& what) {
                         reloaded(what, notes, reply);
                       });
  if (problem.empty()) return {};
  loader_.unlink_made();
  generations_.back()->let_go();
  generations_.pop_back();
  next_ = nullptr;
  keep_error_log();
  return fail_as(EBUSY, "{}", problem);
}

void MasterProcess::reloaded(const std::string& problem, const std::string& notes,
                             const control::Reply& reply) {
  Generation* const next = std::exchange(next_, nullptr);
  common_.shared_stats.count_reload(problem.empty());
  state_->ready();
  if (!problem.empty()) {
    loader_.unlink_made();
    keep_error_log();
    return reply(
        logged({exit_status::unavailable,
                fmt::format("not reloaded, the server goes on as it was: {}\n", problem)}));
  }
  Generation& old = *std::exchange(current_, next);
  current_->become_current();
  old.end_admin();
  next->begin_admin(*master_);
  unlink_sockets(old, next);
  admitting_->follow(master_->loop(), *next);
  certificate_watch_->follow(next->config(), next->certificate_states());
  reply(logged({exit_status::ok, fmt::format("{}reloaded {}; {}\n", notes, start_.what,
                                             text::counted(next->workers(), "worker"))}));
}

// A configuration that has failed may have named another.
void MasterProcess::keep_error_log() const {
  if (auto loaded = use_error_log(config()); !loaded)
    log::line(log::Level::error, "{}", loaded.error().what);
}

void MasterProcess::generation_ended(const Generation& generation) {
  generations_.remove_if([&](const auto& each) {
    if (each.get() != &generation) return false;
    each->let_go();
    return true;
  });
}

control::Answer MasterProcess::reopen() {
  std::vector<accesslog::AccessLog*> earlier;
  for (const auto& generation : generations_)
    if (generation.get() != current_) earlier.push_back(&generation->access_log());
  if (const auto reopened = accesslog::reopen_logs(current_->access_log(), earlier); !reopened)
    return logged(
        {exit_status::cannot_create, "the logs stay as they are: " + reopened.error().what + "\n"});
  return logged({exit_status::ok, "the logs were opened again\n"});
}

// ---- upgrade -----------------------------------------------------------------------------------

void MasterProcess::upgrade(control::Reply reply) {
  if (is_busy()) return reply(logged({exit_status::unavailable, std::string(busy)}));
  if (::getpid() == 1)
    return reply(logged({exit_status::unavailable,
                         "process 1 cannot give its place to another: replace the container\n"}));
  const auto rules = config::password_rules(config());
  if (std::ranges::any_of(rules, [](const auto* rule) { return !rule->entry.empty(); }))
    return reply(
        logged({exit_status::unavailable,
                "the password of --auth is known to this process alone: stop it, and start "
                "another\n"}));
  Upgrade::Listeners listeners;
  for (std::size_t i = 0; i < current_->listening().size(); ++i)
    listeners.emplace_back(current_->listening()[i].options->address,
                           master_->listeners()[i].get());
  if (const auto* admin = current_->admin())
    listeners.emplace_back(admin_name(config().admin.listen), admin->socket.get());
  if (const auto* agent = current_->agent())
    listeners.emplace_back(agent_name(config().admin.agent), agent->socket.get());
  auto begun = Upgrade::begin(
      master_->loop(), start_.invocation, listeners,
      {common_.descriptors, inherited_.sd_notify.variables(), common_.shared_stats.presence()},
      [this, reply](const std::string& problem) { upgraded(problem, reply); });
  if (!begun) return reply(logged({exit_status::unavailable, begun.error().what + "\n"}));
  upgrade_ = std::move(*begun);
  log::line(log::Level::notice, "upgrade: started {} as pid {}", start_.invocation.binary,
            upgrade_->pid());
}

void MasterProcess::upgraded(const std::string& problem, const control::Reply& reply) {
  const auto upgrade = std::move(upgrade_);
  if (!problem.empty())
    return reply(logged({exit_status::unavailable,
                         fmt::format("not upgraded, this server goes on: {}\n", problem)}));
  handed_over_ = true;
  current_->end_admin();
  state_.reset();  // the new server speaks for the service now
  inherited_.sd_notify.main_pid(upgrade->pid());
  reply(logged(
      {exit_status::ok, fmt::format("upgraded: pid {} serves; this one, pid {}, finishes its "
                                    "requests and ends\n",
                                    upgrade->pid(), ::getpid())}));
  master_->stop(pool::Stop::handed_over);
}

}  // namespace cgisrv::master
