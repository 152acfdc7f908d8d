#include "master/resource_loader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "config/backend_names.h"
#include "config/descriptors.h"
#include "config/run_as.h"
#include "config/socket_rights.h"
#include "config/start_check.h"
#include "files/mime.h"
#include "master/certificates.h"
#include "process/privileges.h"

namespace cgisrv::master {

namespace {

// Its listeners, and those of its admin process.
std::vector<Listening> all_of(const Generation& generation) {
  std::vector<Listening> all = generation.listening();
  if (const auto* admin = generation.admin()) all.push_back({admin->address, admin->activated});
  if (const auto* agent = generation.agent()) all.push_back({agent->address, agent->activated});
  return all;
}

bool listens_at(const Generation& generation, const net::Address& address) {
  return std::ranges::any_of(all_of(generation), [&](const Listening& each) {
    return each.address.text() == address.text();
  });
}

// The listener at that port, in its own notation; empty: the server does not listen there.
std::string held_at(const Generation& generation, const std::string& wanted) {
  const auto address = net::parse_address(wanted);
  if (!address || address->is_unix()) return {};
  const auto is_it = [&](const net::Address& own) {
    return own.port() == address->port() &&
           (own.every_interface() || address->every_interface() || own.host() == address->host());
  };
  for (const Listening& each : all_of(generation))
    if (is_it(each.address)) return each.address.text();
  return {};
}

// Adds where to change an address that cannot be opened: the option of the command line, or the key
// of the file if there is none.
Error told(const Error& error, const config::Config& config, std::string_view option,
           std::string_view key) {
  if (error.what.starts_with(net::activation_prefix)) return error;  // it lists the sockets
  if (error.code != EADDRINUSE && error.code != EADDRNOTAVAIL && error.code != EACCES &&
      error.code != EINVAL)
    return error;
  return {error.code, !option.empty() ? fmt::format("{} ({})", error.what, option)
                                      : fmt::format("{} ({} in {})", error.what, key, config.file)};
}

// False: the kernel is short of descriptors.
bool add_duplicate(std::vector<Fd>& sockets, const Fd& socket) {
  return bool(sockets.emplace_back(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3)));
}

}  // namespace

Result<void> use_error_log(const config::Config& config) {
  if (auto loaded = log::open(config.error_log); !loaded) return loaded;
  log::set_level(log::parse_level(config.log_level).value_or(log::Level::info));
  log::set_format(config.error_log_format == "json" ? log::Format::json : log::Format::text);
  return {};
}

std::string admin_name(const std::string& address) {
  return "admin " + address;
}

std::string agent_name(const std::string& address) {
  return "agent " + address;
}

void unlink_sockets(const Generation& generation, const Generation* next) {
  for (const Listening& each : all_of(generation))
    if (!each.activated && (next == nullptr || !listens_at(*next, each.address)))
      net::unlink_socket(each.address);
}

Result<LoadedResources> ResourceLoader::open(config::Config config, RunningState current) {
  current_ = current;
  made_.clear();
  kept_.clear();
  auto loaded = open_all(std::move(config));
  if (!loaded) unlink_made();
  return loaded;
}

void ResourceLoader::unlink_made() const {
  for (const net::Address& address : made_)
    net::unlink_socket(address);
}

Result<LoadedResources> ResourceLoader::open_all(config::Config config) {
  if (const auto may = config::check_run_as(config); !may) return std::unexpected(may.error());
  if (const auto found = config::look_up_backends(config); !found)
    return std::unexpected(found.error());
  LoadedResources loaded;
  std::vector<Listening> listening;
  for (const config::ListenerOptions& listen : config.listen) {
    auto kept = kept_listeners(listen.address);
    if (!kept) return std::unexpected(kept.error());
    const auto rights = config::socket_rights(listen, config.server);
    auto listeners = open_listeners(listen.address, std::move(*kept), rights);
    if (!listeners)
      return std::unexpected(told(listeners.error(), config, listen.option, "[[listen]]"));
    for (net::Listener& each : *listeners) {
      loaded.sockets.push_back(std::move(each.socket));
      listening.push_back({each.address, each.activated, &listen});  // it moves with its vector
    }
  }
  if (listening.size() > pool::listeners_max)
    return fail("{} listeners are too many; at most {}", listening.size(), pool::listeners_max);
  auto admin = open_admin(config);
  if (!admin) return std::unexpected(admin.error());
  auto access_log = accesslog::AccessLog::open(config.access_log);
  if (!access_log) return std::unexpected(access_log.error());
  if (auto used = use_error_log(config); !used) return std::unexpected(used.error());
  auto certificates = load_certificates(config, common_.ticket_keys);
  if (!certificates) return std::unexpected(certificates.error());
  files::load_mime_types();
  const rlimit limit = process::descriptor_limit();
  process::raise_descriptor_limit(
      config::descriptors_for(config::connections_wanted(config.server, limit)));
  if (const auto lacking = config::connections_lacking(config.server, limit); !lacking.empty())
    log::line(log::Level::warn, "{}", lacking);
  loaded.generation =
      std::make_unique<Generation>(std::move(config), std::move(listening), std::move(*admin),
                                   std::move(*access_log), std::move(*certificates), common_);
  return loaded;
}

// Several may have been inherited under one name.
Result<std::vector<net::Listener>> ResourceLoader::open_listeners(const std::string& address,
                                                                  std::vector<Fd> kept,
                                                                  const net::SocketRights& rights) {
  std::vector<net::Listener> listeners;
  const bool activated = address.starts_with(net::activation_prefix);
  for (Fd& socket : kept) {
    auto listener = net::adopt(std::move(socket));
    if (!listener) return std::unexpected(listener.error());
    listeners.push_back(std::move(*listener));
    listeners.back().activated = activated;
    if (!activated && !net::has_rights(listeners.back().address, rights))
      log::line(log::Level::warn,
                "{} keeps the permissions that it has, and the configuration says others; end the "
                "server and start it anew for these",
                address);
  }
  if (!listeners.empty()) return listeners;
  if (activated) return inherited_.sockets.claim(address.substr(net::activation_prefix.size()));
  auto listener = net::listen(address, rights);
  // An invalid address came from the command line: those of the file have been checked.
  if (!listener && listener.error().code == 0) listener.error().code = EINVAL;
  if (!listener && listener.error().code == EADDRINUSE && current_.generation != nullptr)
    if (const auto held = held_at(*current_.generation, address); !held.empty())
      return fail_as(EADDRINUSE,
                     "address {} cannot be had while this server listens at {}; end it and start "
                     "it anew for that",
                     address, held);
  if (!listener) return std::unexpected(listener.error());
  made_.push_back(listener->address);
  if (listener->address.is_unix())
    for (const std::string& closed : config::closed_folders(listener->address.host()))
      log::line(log::Level::warn, "{}", closed);
  listeners.push_back(std::move(*listener));
  return listeners;
}

Result<AdminListeners> ResourceLoader::open_admin(const config::Config& config) {
  const config::AdminOptions& options = config.admin;
  const Generation* const now = current_.generation;
  const config::AdminOptions none;
  const config::AdminOptions& open = now != nullptr ? now->config().admin : none;
  auto pages = open_one({"listen", options.listen, admin_name(options.listen),
                         now != nullptr ? now->admin() : nullptr, open.listen});
  if (!pages)
    return std::unexpected(
        told(pages.error(), config, options.line == 0 ? "--admin" : "", "[admin] listen"));
  auto agent = open_one({"agent", options.agent, agent_name(options.agent),
                         now != nullptr ? now->agent() : nullptr, open.agent});
  if (!agent) return std::unexpected(told(agent.error(), config, "", "[admin] agent"));
  return AdminListeners{std::move(*pages), std::move(*agent)};
}

Result<std::optional<net::Listener>> ResourceLoader::open_one(const OfAdmin& wanted) {
  if (wanted.address.empty()) return std::nullopt;
  auto kept = kept_one(wanted);
  if (!kept) return std::unexpected(kept.error());
  auto listeners = open_listeners(wanted.address, std::move(*kept), {});
  if (!listeners) return std::unexpected(listeners.error());
  if (listeners->size() > 1)
    return fail("[admin] {} takes one socket, and {} stands for {}", wanted.key, wanted.address,
                listeners->size());
  return std::move(listeners->front());
}

// Those that are open here, or inherited from an older server. None: it must be opened.
Result<std::vector<Fd>> ResourceLoader::kept_listeners(const std::string& address) {
  if (current_.generation == nullptr) return inherited_.inheritance.take_listeners(address);
  std::vector<Fd> found;
  const auto& listening = current_.generation->listening();
  const auto& sockets = *current_.sockets;
  // Of two with one configured address, "127.0.0.1:0", each is kept once.
  const bool all = address.starts_with(net::activation_prefix);
  for (std::size_t i = 0; i < listening.size() && (all || found.empty()); ++i)
    if (listening[i].options->address == address && kept_.insert(i).second)
      if (!add_duplicate(found, sockets[i])) return fail_errno(errno, "keeping {}", address);
  return found;
}

Result<std::vector<Fd>> ResourceLoader::kept_one(const OfAdmin& wanted) {
  if (current_.generation == nullptr) return inherited_.inheritance.take_listeners(wanted.name);
  std::vector<Fd> found;
  if (wanted.open != nullptr && wanted.open_address == wanted.address &&
      !add_duplicate(found, wanted.open->socket))
    return fail_errno(errno, "keeping {}", wanted.address);
  return found;
}

void ResourceLoader::close_unused() {
  for (const std::string& socket : inherited_.sockets.close_rest())
    log::line(log::Level::warn,
              "the service manager handed over socket {}, which no listener uses: closed", socket);
}

}  // namespace cgisrv::master
