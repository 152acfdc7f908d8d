#include "server/serving.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "base/log.h"
#include "server/address_url.h"
#include "server/logs.h"
#include "server/pid_file.h"

namespace cgisrv::server {

namespace {

constexpr std::chrono::milliseconds busy_interval{100};
constexpr std::string_view busy =
    "the server is starting, or ending, or a reload or an upgrade is under way; try again later\n";

// What a server that runs cannot change: it stays as it is, and the text says so.
std::string keep_what_needs_a_restart(const Config& now, Config& next) {
  std::string notes;
  const auto keep = [&](auto ServerOptions::*option, std::string_view name) {
    if (now.server.*option == next.server.*option) return;
    next.server.*option = now.server.*option;
    notes += fmt::format("[server] {} takes effect when the server is started again\n", name);
  };
  keep(&ServerOptions::cgroups, "cgroups");
  keep(&ServerOptions::pid_file, "pid_file");
  keep(&ServerOptions::runtime_dir, "runtime_dir");
  if (now.server.cgroups) keep(&ServerOptions::user, "user (with cgroups)");
  return notes;
}

}  // namespace

// Who may run: decided in the master.
struct Serving::Admitting {
  Admitting(pool::Master& master, admission::Table& shared, const Generation& generation)
      : table(shared),
        arbiter(table, generation.config().server.max_running,
                [&master](unsigned worker, const admission::Message& message) {
                  return master.tell(worker, admission::bytes_of(message));
                }) {
    follow(master.loop(), generation);
  }
  void follow(Loop& loop, const Generation& generation) {
    const ServerOptions& options = generation.config().server;
    pressure.reset();
    arbiter.set_total(options.max_running);
    if (options.pressure.any())
      pressure.emplace(loop, options.pressure,
                       admission::Restraint(generation.workers(), options.max_running), table,
                       arbiter);
  }

  admission::Table& table;
  admission::Arbiter arbiter;
  std::optional<admission::Pressure> pressure;
};

int exit_status(const Error& error) {
  if (error.code == EINVAL) return status::usage;
  if (error.code == EADDRINUSE || error.code == EADDRNOTAVAIL || error.code == EBUSY)
    return status::unavailable;
  return error.code == EACCES || error.code == EPERM ? status::permission : status::configuration;
}

Serving::Serving(Start start, Common& common) : start_(std::move(start)), common_(common) {}

Serving::~Serving() = default;

// ---- running -----------------------------------------------------------------------------------

int Serving::run(Opened first) {
  current_ = generations_.emplace_back(std::move(first.generation)).get();
  if (!left_.inheritance.is_successor())
    if (auto written = write_pid_file(config().server.pid_file); !written) {
      std::fprintf(stderr, "cgisrv: %s\n", written.error().what.c_str());
      opening_.unlink_made();
      return written.error().code == ENOENT ? status::configuration : status::permission;
    }
  opening_.close_unused();
  const int result = pool::run(for_pool(*current_, std::move(first.sockets)), hooks());
  clean_up();
  return result;
}

pool::Generation Serving::for_pool(Generation& generation, std::vector<Fd> sockets) {
  return generation.for_pool(std::move(sockets),
                             [this, &generation] { generation_ended(generation); });
}

pool::Hooks Serving::hooks() {
  pool::Hooks hooks;
  hooks.on_start = [this](pool::Master& master) { begin(master); };
  hooks.on_ready = [this] { became_ready(); };
  hooks.on_stop = [this] {
    is_ending_ = true;
    if (upgrade_) upgrade_->give_up("the server is about to end");
    if (!handed_over_) state_->stopping();
    // Now, while they listen: later another server may have taken their place.
    if (!handed_over_ && (is_ready_ || !left_.inheritance.is_successor()))
      unlink_sockets(*current_, nullptr);
  };
  hooks.on_message = [this](unsigned worker, std::string_view bytes) {
    if (const auto message = admission::message_from(bytes))
      admitting_->arbiter.told(worker, *message);
  };
  hooks.on_worker_end = [this](unsigned worker) { worker_ended(worker); };
  hooks.on_end = [this] { end(); };
  const auto to_nobody = [](const control::Answer&) {};
  // A terminal that closes stops a server in directory mode; an administrator who means "reload"
  // must not lose one that runs by configuration.
  if (!config().file.empty()) hooks.on_hangup = [this] { hang_up(0); };
  // nohup(1)
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (config().file.empty() && hangup.sa_handler == SIG_IGN) hooks.on_hangup = [] {};
  hooks.on_user1 = [this] { reopen(); };
  hooks.on_user2 = [=, this] { upgrade(to_nobody); };
  return hooks;
}

void Serving::begin(pool::Master& master) {
  master_ = &master;
  hang_up_again_ = std::make_unique<Timer>(master.loop(), Callback::of<&Serving::hang_up>(*this));
  state_ = std::make_unique<ServiceState>(left_.manager, master, start_.what);
  operator_ = std::make_unique<Operator>(master, *this);
  admitting_ = std::make_unique<Admitting>(master, common_.table, *current_);
  current_->become_current();
  begin(*current_);
  // Until then the older server answers.
  if (!left_.inheritance.is_successor()) current_->begin_admin(master);
}

void Serving::begin(Generation& generation) {
  generation.begin(*master_, std::filesystem::weakly_canonical(start_.what).string(),
                   [this, &generation] { leave_master(generation); });
}

void Serving::became_ready() {
  is_ready_ = true;
  if (left_.inheritance.is_successor()) {
    if (auto written = write_pid_file(config().server.pid_file); !written)
      log::line(log::Level::error, "{}", written.error().what);
    current_->begin_admin(*master_);
  }
  left_.inheritance.tell_that_we_serve();
  announce();
  state_->ready();
}

void Serving::announce() const {
  for (const Listening& each : current_->listening())
    std::printf("cgisrv: serving %s at %s\n", start_.what.c_str(),
                address_url(each.address).c_str());
  if (const auto* admin = current_->admin())
    std::printf("cgisrv: status page at %s%s\n", address_url(admin->address).c_str(),
                admin->address.family() == AF_UNIX ? "" : "status");
  std::fflush(stdout);
}

void Serving::worker_ended(unsigned worker) {
  std::vector<pid_t> keepers;
  for (const auto& generation : generations_)
    if (generation->keeper() != 0) keepers.push_back(generation->keeper());
  process::Cgroups* const cgroups = common_.cgroups ? &*common_.cgroups : nullptr;
  common_.roster.end_programs_of(worker, keepers, [cgroups](pid_t program) {
    if (cgroups != nullptr) cgroups->kill_group_of(program);
  });
  if (cgroups != nullptr) cgroups->remove_of_the_dead();
  admitting_->arbiter.worker_ended(worker);
}

// In a process that has been forked from the master, as a part of that generation.
void Serving::leave_master(const Generation& self) {
  operator_->abandon();
  log::abandon();
  next_sockets_.clear();
  upgrade_.reset();
  left_.inheritance.abandon();
  for (const auto& generation : generations_)
    generation.get() == &self ? generation->leave_master() : generation->close();
}

void Serving::end() {
  state_.reset();
  hang_up_again_.reset();
  upgrade_.reset();
  generations_.remove_if([this](const auto& each) { return each.get() != current_; });
  current_->end();
  operator_.reset();
  admitting_.reset();
}

void Serving::clean_up() const {
  if (common_.cgroups) common_.cgroups->remove();
  remove_pid_file(config().server.pid_file);
}

// ---- reload ------------------------------------------------------------------------------------

bool Serving::is_busy() const {
  return !is_ready_ || is_ending_ || next_ != nullptr || upgrade_;
}

// Whoever sends a signal hears of no refusal: it is done when it can be.
void Serving::hang_up(std::uint32_t) {
  if (!is_busy()) return reload([](const control::Answer&) {});
  if (!is_ending_) hang_up_again_->arm_after(busy_interval);
}

void Serving::reload(control::Reply reply) {
  if (is_busy()) return reply(logged({status::unavailable, std::string(busy)}));
  state_->reloading();
  auto config = start_.read_config();
  if (!config) {
    common_.board.count_reload(false);
    state_->ready();
    std::string text;
    for (const std::string& fault : config.error())
      text += fault + "\n";
    return reply(logged({status::configuration,
                         text + "nothing was changed: the server goes on as it is configured\n"}));
  }
  std::string notes = keep_what_needs_a_restart(this->config(), *config);
  const auto begun = begin_reload(std::move(*config), std::move(notes), reply);
  if (begun) return;
  common_.board.count_reload(false);
  state_->ready();
  reply(logged({exit_status(begun.error()),
                fmt::format("{}\nnothing was changed: the server goes on as it is configured\n",
                            begun.error().what)}));
}

Result<void> Serving::begin_reload(Config config, std::string notes, const control::Reply& reply) {
  auto opened = opening_.open(std::move(config), {current_, &master_->listeners()});
  if (!opened) return std::unexpected(opened.error());
  next_ = generations_.emplace_back(std::move(opened->generation)).get();
  next_sockets_ = std::move(opened->sockets);
  begin(*next_);  // forks: its children are to find the sockets, and let go of them
  const auto problem =
      master_->replace(for_pool(*next_, std::exchange(next_sockets_, {})),
                       [this, notes = std::move(notes), reply](const std::string& what) {
                         reloaded(what, notes, reply);
                       });
  if (problem.empty()) return {};
  opening_.unlink_made();
  generations_.back()->let_go();
  generations_.pop_back();
  next_ = nullptr;
  keep_error_log();
  return std::unexpected(Error{EBUSY, problem});
}

void Serving::reloaded(const std::string& problem, const std::string& notes,
                       const control::Reply& reply) {
  Generation* const next = std::exchange(next_, nullptr);
  common_.board.count_reload(problem.empty());
  state_->ready();
  if (!problem.empty()) {
    opening_.unlink_made();
    keep_error_log();
    return reply(
        logged({status::unavailable,
                fmt::format("not reloaded, the server goes on as it was: {}\n", problem)}));
  }
  Generation& old = *std::exchange(current_, next);
  current_->become_current();
  old.end_admin();
  next->begin_admin(*master_);
  unlink_sockets(old, next);
  admitting_->follow(master_->loop(), *next);
  reply(logged({status::ok, fmt::format("{}reloaded {}; {} worker{}\n", notes, start_.what,
                                        next->workers(), next->workers() == 1 ? "" : "s")}));
}

// A configuration that has failed may have named another.
void Serving::keep_error_log() const {
  if (auto opened = use_error_log(config()); !opened)
    log::line(log::Level::error, "{}", opened.error().what);
}

void Serving::generation_ended(const Generation& generation) {
  generations_.remove_if([&](const auto& each) {
    if (each.get() != &generation) return false;
    each->let_go();
    return true;
  });
}

control::Answer Serving::reopen() {
  std::vector<AccessLog*> earlier;
  for (const auto& generation : generations_)
    if (generation.get() != current_) earlier.push_back(&generation->access_log());
  if (const auto reopened = reopen_logs(current_->access_log(), earlier); !reopened)
    return logged(
        {status::cannot_create, "the logs stay as they are: " + reopened.error().what + "\n"});
  return logged({status::ok, "the logs were opened again\n"});
}

// ---- upgrade -----------------------------------------------------------------------------------

void Serving::upgrade(control::Reply reply) {
  if (is_busy()) return reply(logged({status::unavailable, std::string(busy)}));
  if (::getpid() == 1)
    return reply(logged({status::unavailable,
                         "process 1 cannot give its place to another: replace the container\n"}));
  Upgrade::Listeners listeners;
  for (std::size_t i = 0; i < current_->listening().size(); ++i)
    listeners.emplace_back(current_->listening()[i].configured, master_->listeners()[i].get());
  if (const auto* admin = current_->admin())
    listeners.emplace_back(admin_name(config().admin.listen), admin->socket.get());
  auto begun =
      Upgrade::begin(master_->loop(), start_.invocation, listeners,
                     {common_.descriptors, left_.manager.variables()},
                     [this, reply](const std::string& problem) { upgraded(problem, reply); });
  if (!begun) return reply(logged({status::unavailable, begun.error().what + "\n"}));
  upgrade_ = std::move(*begun);
  log::line(log::Level::notice, "upgrade: started {} as pid {}", start_.invocation.binary,
            upgrade_->pid());
}

void Serving::upgraded(const std::string& problem, const control::Reply& reply) {
  const auto upgrade = std::move(upgrade_);
  if (!problem.empty())
    return reply(logged(
        {status::unavailable, fmt::format("not upgraded, this server goes on: {}\n", problem)}));
  handed_over_ = true;
  current_->end_admin();
  state_.reset();  // the other one speaks for the service now
  left_.manager.main_pid(upgrade->pid());
  reply(logged({status::ok, fmt::format("upgraded: pid {} serves; this one, pid {}, finishes its "
                                        "requests and ends\n",
                                        upgrade->pid(), ::getpid())}));
  master_->stop(pool::Stop::handed_over);
}

}  // namespace cgisrv::server
