#include "server/serving.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/log.h"
#include "files/mime.h"
#include "net/listener.h"
#include "process/privileges.h"
#include "server/address_url.h"
#include "server/logs.h"
#include "server/pid_file.h"
#include "server/run_as.h"

namespace cgisrv::server {

namespace {

constexpr rlim_t descriptors_spare = 64;
constexpr std::string_view busy =
    "the server is starting, or ending, or a reload or an upgrade is under way; try again later\n";

Result<void> use_error_log(const Config& config) {
  if (auto opened = log::open(config.error_log); !opened) return opened;
  log::set_level(log::parse_level(config.log_level).value_or(log::Level::info));
  return {};
}

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

// By which a newer server finds its socket: others may have the same address, "127.0.0.1:0".
std::string admin_name(const std::string& address) {
  return "admin " + address;
}

bool listens_at(const Generation& generation, const net::Address& address) {
  if (const auto* admin = generation.admin(); admin && admin->address.text() == address.text())
    return true;
  return std::ranges::any_of(generation.listening(), [&](const Listening& each) {
    return each.address.text() == address.text();
  });
}

// The files of its sockets, but for those that `next` has too; null: there is no next.
void unlink_sockets(const Generation& generation, const Generation* next) {
  const auto unlink = [&](const net::Address& address, bool handed_over) {
    if (!handed_over && (next == nullptr || !listens_at(*next, address)))
      net::unlink_socket(address);
  };
  for (const Listening& each : generation.listening())
    unlink(each.address, each.handed_over);
  if (const auto* admin = generation.admin()) unlink(admin->address, admin->handed_over);
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

Serving::Serving(Start start, Common& common, Left left)
    : start_(std::move(start)), common_(common), left_(std::move(left)) {}

Serving::~Serving() = default;

// ---- opening -----------------------------------------------------------------------------------

Result<Serving::Opened> Serving::open(Config config) {
  if (const auto may = check_user(config); !may) return std::unexpected(may.error());
  Opened opened;
  std::vector<Listening> listening;
  for (const Listen& listen : config.listen) {
    auto listeners = open_listeners(listen.address, kept_listeners(listen.address));
    if (!listeners) return std::unexpected(listeners.error());
    for (net::Listener& each : *listeners) {
      opened.sockets.push_back(std::move(each.socket));
      listening.push_back({listen.address, each.address, each.handed_over});
    }
  }
  if (listening.size() > pool::listeners_max)
    return fail("{} listeners are too many; at most {}", listening.size(), pool::listeners_max);
  auto admin = open_admin(config.admin.listen);
  if (!admin) return std::unexpected(admin.error());
  auto access_log = AccessLog::open(config.access_log);
  if (!access_log) return std::unexpected(access_log.error());
  if (auto used = use_error_log(config); !used) return std::unexpected(used.error());
  files::load_mime_types();
  // A connection needs one descriptor, or five while a program runs for it.
  process::raise_descriptor_limit(config.server.worker_connections + descriptors_spare);
  opened.generation = std::make_unique<Generation>(
      std::move(config), std::move(listening), std::move(*admin), std::move(*access_log), common_);
  return opened;
}

// Several may have been handed over under one name.
Result<std::vector<net::Listener>> Serving::open_listeners(const std::string& address,
                                                           std::vector<Fd> kept) {
  std::vector<net::Listener> listeners;
  const bool handed_over = address.starts_with(net::handed_over_prefix);
  for (Fd& socket : kept) {
    auto listener = net::adopt(std::move(socket));
    if (!listener) return std::unexpected(listener.error());
    listeners.push_back(std::move(*listener));
    listeners.back().handed_over = handed_over;
  }
  if (!listeners.empty()) return listeners;
  if (handed_over) return left_.sockets.claim(address.substr(net::handed_over_prefix.size()));
  auto listener = net::listen(address);
  // An address that makes no sense stood on the command line: those of the file are checked.
  if (!listener && listener.error().code == 0) listener.error().code = EINVAL;
  if (!listener) return std::unexpected(listener.error());
  listeners.push_back(std::move(*listener));
  return listeners;
}

Result<std::optional<net::Listener>> Serving::open_admin(const std::string& address) {
  if (address.empty()) return std::nullopt;
  auto listeners = open_listeners(address, kept_admin(address));
  if (!listeners) return std::unexpected(listeners.error());
  if (listeners->size() > 1)
    return fail("[admin] listen takes one socket, and {} stands for {}", address,
                listeners->size());
  return std::move(listeners->front());
}

// Those that we have, or that an older server has left us. None: it has to be opened.
std::vector<Fd> Serving::kept_listeners(const std::string& address) {
  if (current_ == nullptr) return left_.inheritance.take_listeners(address);
  std::vector<Fd> found;
  const auto& listening = current_->listening();
  const auto& sockets = master_->listeners();
  for (std::size_t i = 0; i < listening.size(); ++i)
    if (listening[i].configured == address)
      found.emplace_back(::fcntl(sockets[i].get(), F_DUPFD_CLOEXEC, 3));
  return found;
}

std::vector<Fd> Serving::kept_admin(const std::string& address) {
  if (current_ == nullptr) return left_.inheritance.take_listeners(admin_name(address));
  std::vector<Fd> found;
  if (current_->admin() != nullptr && config().admin.listen == address)
    found.emplace_back(::fcntl(current_->admin()->socket.get(), F_DUPFD_CLOEXEC, 3));
  return found;
}

void Serving::close_unused() {
  for (const std::string& socket : left_.sockets.close_rest())
    log::line(log::Level::warn,
              "the service manager handed over socket {}, which no listener uses: closed", socket);
}

// ---- running -----------------------------------------------------------------------------------

int Serving::run(Opened first) {
  current_ = generations_.emplace_back(std::move(first.generation)).get();
  if (!left_.inheritance.is_successor())
    if (auto written = write_pid_file(config().server.pid_file); !written) {
      std::fprintf(stderr, "cgisrv: %s\n", written.error().what.c_str());
      return status::permission;
    }
  close_unused();
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
    if (!handed_over_) state_->stopping();
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
  if (!config().file.empty()) hooks.on_hangup = [=, this] { reload(to_nobody); };
  hooks.on_user1 = [this] { reopen(); };
  hooks.on_user2 = [=, this] { upgrade(to_nobody); };
  return hooks;
}

void Serving::begin(pool::Master& master) {
  master_ = &master;
  state_ = std::make_unique<ServiceState>(left_.manager, master, start_.what);
  operator_ = std::make_unique<Operator>(master, *this);
  admitting_ = std::make_unique<Admitting>(master, common_.table, *current_);
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
  common_.roster.end_programs_of(worker, keepers);
  admitting_->arbiter.worker_ended(worker);
}

// In a process that has been forked from the master, as a part of that generation.
void Serving::leave_master(const Generation& self) {
  operator_->abandon();
  log::abandon();
  upgrade_.reset();
  for (const auto& generation : generations_)
    generation.get() == &self ? generation->leave_master() : generation->close();
}

void Serving::end() {
  state_.reset();
  // A new server that is still starting has the sockets, and serves when we are gone.
  handed_over_ |= upgrade_ != nullptr;
  upgrade_.reset();
  generations_.remove_if([this](const auto& each) { return each.get() != current_; });
  current_->end();
  operator_.reset();
  admitting_.reset();
}

void Serving::clean_up() const {
  if (common_.cgroups) common_.cgroups->remove();
  remove_pid_file(config().server.pid_file);
  if (handed_over_ || (left_.inheritance.is_successor() && !is_ready_)) return;
  unlink_sockets(*current_, nullptr);
}

// ---- reload ------------------------------------------------------------------------------------

bool Serving::is_busy() const {
  return !is_ready_ || is_ending_ || next_ != nullptr || upgrade_;
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
  auto opened = open(std::move(config));
  if (!opened) return std::unexpected(opened.error());
  next_ = generations_.emplace_back(std::move(opened->generation)).get();
  begin(*next_);
  const auto problem =
      master_->replace(for_pool(*next_, std::move(opened->sockets)),
                       [this, notes = std::move(notes), reply](const std::string& what) {
                         reloaded(what, notes, reply);
                       });
  if (problem.empty()) return {};
  unlink_sockets(*next_, current_);
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
    unlink_sockets(*next, current_);
    keep_error_log();
    return reply(
        logged({status::unavailable,
                fmt::format("not reloaded, the server goes on as it was: {}\n", problem)}));
  }
  Generation& old = *std::exchange(current_, next);
  old.end_admin();
  next->begin_admin(*master_);
  unlink_sockets(old, next);
  admitting_->follow(master_->loop(), *next);
  reply(logged({status::ok,
                fmt::format("{}reloaded {}; {} workers\n", notes, start_.what, next->workers())}));
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
  std::vector<AccessLog*> access_logs;
  for (const auto& generation : generations_)
    access_logs.push_back(&generation->access_log());
  if (const auto reopened = reopen_logs(access_logs); !reopened)
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
