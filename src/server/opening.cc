#include "server/opening.h"

#include <fcntl.h>

#include <algorithm>

#include "base/log.h"
#include "files/mime.h"
#include "process/privileges.h"
#include "server/run_as.h"

namespace cgisrv::server {

namespace {

constexpr rlim_t descriptors_spare = 64;

bool listens_at(const Generation& generation, const net::Address& address) {
  if (const auto* admin = generation.admin(); admin && admin->address.text() == address.text())
    return true;
  return std::ranges::any_of(generation.listening(), [&](const Listening& each) {
    return each.address.text() == address.text();
  });
}

// With the place where an address that cannot be had is to be changed.
Error told(const Error& error, const Config& config, std::string_view option,
           std::string_view key) {
  if (error.what.starts_with(net::handed_over_prefix)) return error;  // it says what there is
  if (error.code != EADDRINUSE && error.code != EADDRNOTAVAIL && error.code != EACCES) return error;
  return {error.code, config.file.empty()
                          ? fmt::format("{} ({})", error.what, option)
                          : fmt::format("{} ({} in {})", error.what, key, config.file)};
}

}  // namespace

Result<void> use_error_log(const Config& config) {
  if (auto opened = log::open(config.error_log); !opened) return opened;
  log::set_level(log::parse_level(config.log_level).value_or(log::Level::info));
  return {};
}

std::string admin_name(const std::string& address) {
  return "admin " + address;
}

void unlink_sockets(const Generation& generation, const Generation* next) {
  const auto unlink = [&](const net::Address& address, bool handed_over) {
    if (!handed_over && (next == nullptr || !listens_at(*next, address)))
      net::unlink_socket(address);
  };
  for (const Listening& each : generation.listening())
    unlink(each.address, each.handed_over);
  if (const auto* admin = generation.admin()) unlink(admin->address, admin->handed_over);
}

Result<Opened> Opening::open(Config config, Current current) {
  current_ = current;
  made_.clear();
  kept_.clear();
  auto opened = open_all(std::move(config));
  if (!opened) unlink_made();
  return opened;
}

void Opening::unlink_made() const {
  for (const net::Address& address : made_)
    net::unlink_socket(address);
}

Result<Opened> Opening::open_all(Config config) {
  if (const auto may = check_user(config); !may) return std::unexpected(may.error());
  Opened opened;
  std::vector<Listening> listening;
  for (const Listen& listen : config.listen) {
    auto listeners = open_listeners(listen.address, kept_listeners(listen.address));
    if (!listeners)
      return std::unexpected(told(listeners.error(), config, "--listen", "[[listen]]"));
    for (net::Listener& each : *listeners) {
      opened.sockets.push_back(std::move(each.socket));
      listening.push_back({listen.address, each.address, each.handed_over});
    }
  }
  if (listening.size() > pool::listeners_max)
    return fail("{} listeners are too many; at most {}", listening.size(), pool::listeners_max);
  auto admin = open_admin(config.admin.listen);
  if (!admin) return std::unexpected(told(admin.error(), config, "--admin", "[admin] listen"));
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
Result<std::vector<net::Listener>> Opening::open_listeners(const std::string& address,
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
  made_.push_back(listener->address);
  listeners.push_back(std::move(*listener));
  return listeners;
}

Result<std::optional<net::Listener>> Opening::open_admin(const std::string& address) {
  if (address.empty()) return std::nullopt;
  auto listeners = open_listeners(address, kept_admin(address));
  if (!listeners) return std::unexpected(listeners.error());
  if (listeners->size() > 1)
    return fail("[admin] listen takes one socket, and {} stands for {}", address,
                listeners->size());
  return std::move(listeners->front());
}

// Those that we have, or that an older server has left us. None: it has to be opened.
std::vector<Fd> Opening::kept_listeners(const std::string& address) {
  if (current_.generation == nullptr) return left_.inheritance.take_listeners(address);
  std::vector<Fd> found;
  const auto& listening = current_.generation->listening();
  const auto& sockets = *current_.sockets;
  // Of two that are configured alike, "127.0.0.1:0", each is kept once.
  const bool all = address.starts_with(net::handed_over_prefix);
  for (std::size_t i = 0; i < listening.size() && (all || found.empty()); ++i)
    if (listening[i].configured == address && kept_.insert(i).second)
      found.emplace_back(::fcntl(sockets[i].get(), F_DUPFD_CLOEXEC, 3));
  return found;
}

std::vector<Fd> Opening::kept_admin(const std::string& address) {
  if (current_.generation == nullptr) return left_.inheritance.take_listeners(admin_name(address));
  std::vector<Fd> found;
  if (current_.generation->admin() != nullptr &&
      current_.generation->config().admin.listen == address)
    found.emplace_back(::fcntl(current_.generation->admin()->socket.get(), F_DUPFD_CLOEXEC, 3));
  return found;
}

void Opening::close_unused() {
  for (const std::string& socket : left_.sockets.close_rest())
    log::line(log::Level::warn,
              "the service manager handed over socket {}, which no listener uses: closed", socket);
}

}  // namespace cgisrv::server
