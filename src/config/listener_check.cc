#include "config/listener_check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "cgi/umask.h"
#include "config/key_lines.h"
#include "net/address.h"
#include "net/socket_activation.h"

namespace cgisrv::config {

namespace {

struct ConfiguredAddress {
  std::string_view key;
  const std::string& address;
  const Position& at;
};

bool exclude_each_other(const std::string& a, const std::string& b) {
  if (a.starts_with(net::activation_prefix)) return a == b;
  const auto first = net::parse_address(a);
  const auto second = net::parse_address(b);
  return first && second && net::overlap(*first, *second);
}

void check_exclusive(const ConfiguredAddress& here, const std::vector<ConfiguredAddress>& before,
                     Faults& faults) {
  const auto other = std::ranges::find_if(before, [&](const ConfiguredAddress& each) {
    return exclude_each_other(each.address, here.address);
  });
  if (other == before.end()) return;
  if (other->address == here.address)
    faults.add(here.at, "'{}': {} stands on {} already; remove one", here.key, here.address,
               line_of(other->at, here.at));
  else
    faults.add(here.at, "'{}': {} and {} of {} include each other; remove one", here.key,
               here.address, other->address, line_of(other->at, here.at));
}

// The position of that key, or of the table that lacks it.
const Position& position_of(const Value& table, std::string_view key) {
  const Value* value = table.find(key);
  return value != nullptr ? value->at : table.at;
}

// Other machines reach it.
bool is_open(const ListenerOptions& listen) {
  const auto address = net::parse_address(listen.address);
  return address && !address->loopback();
}

bool is_unix(const ListenerOptions& listen) {
  const auto address = net::parse_address(listen.address);
  return address && address->is_unix();
}

void check_socket_file(const Value& table, const ListenerOptions& listen, Faults& faults) {
  if (is_unix(listen)) return;
  const bool activated = listen.address.starts_with(net::activation_prefix);
  for (const std::string_view key : {"mode", "owner", "group"})
    if (table.find(key) != nullptr)
      faults.add(position_of(table, key),
                 "'{}' is for a unix socket that the server makes itself, address = "
                 "\"unix:/path\"; {}",
                 key,
                 activated ? "write SocketMode=, SocketUser= and SocketGroup= in the socket's unit"
                           : "remove it");
}

void check_allow(const Value& table, const ListenerOptions& listen, Faults& faults) {
  if (listen.allow && is_unix(listen))
    faults.add(position_of(table, "allow"),
               "'allow' is for addresses, and {} is a unix socket; 'mode', 'owner' and 'group' say "
               "who may connect to it",
               listen.address);
}

// The one user of Debian's web servers, or whoever is named, is let in.
bool is_for_web_server(const ListenerOptions& listen, const ServerOptions& server) {
  if (!listen.mode.empty() || !listen.owner.empty() || !listen.group.empty()) return true;
  const std::string& name = server.group.empty() ? server.user : server.group;
  return name == "www-data" || (name.empty() && ::geteuid() == 0);
}

void check_errors_key(const Value& table, const ListenerOptions& listen, Faults& faults) {
  if (listen.errors_to_web_server && listen.protocol != Protocol::fastcgi)
    faults.add(
        position_of(table, "errors_to_web_server"),
        "'errors_to_web_server' is for protocol = \"fastcgi\", which alone has a way for them");
}

bool runs_programs(const Config& config) {
  return std::ranges::any_of(config.sites, [](const Site& site) {
    return std::ranges::any_of(site.locations, [](const Location& location) {
      return location.program != ProgramKind::none || location.backend;
    });
  });
}

// Its owner alone may write to it.
bool is_for_owner_alone(const ListenerOptions& listen) {
  const auto mode = cgi::parse_umask(listen.mode);  // the same notation
  return mode && (*mode & (S_IWGRP | S_IWOTH)) == 0;
}

void note_what_stops_web_servers(Config& config, const ListenerOptions& listen) {
  const auto note = [&](const std::string& sentence) {
    config.notes.push_back(fmt::format("{}:{}: {}", config.file, listen.line, sentence));
  };
  if (const auto open = note_on_open_gateway(listen); !open.empty()) note(open);
  if (is_unix(listen) && is_for_owner_alone(listen))
    note(fmt::format(
        "with mode = \"{}\" the owner of {} alone may connect to it; \"0660\" lets in its "
        "group too",
        listen.mode, listen.address));
  if (is_unix(listen) && !is_for_web_server(listen, config.server))
    note(
        fmt::format("the server's own user and group alone may connect to {}; if the web server is "
                    "another user, name its group: group = \"www-data\"; then only root, or "
                    "who belongs to it, can start it",
                    listen.address));
  if (listen.programs.empty() && !runs_programs(config))
    note(fmt::format(
        "nothing that a web server asks for at {} is run: no location runs programs; name "
        "them, programs = [\"/usr/lib/cgi-bin/\"], or add a location",
        listen.address));
}

void check_request_ids(const Value& table, const ListenerOptions& listen, Faults& faults) {
  if (listen.request_ids && !listen.proxy_protocol)
    faults.add(position_of(table, "request_ids"),
               "'request_ids' is for proxy_protocol = true; elsewhere a proxy in trusted_proxies "
               "may name requests without it");
}

// What web servers speak is neither HTTP nor TLS, and names its client itself.
void check_gateways(const Value& root, Config& config, Faults& faults) {
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const ListenerOptions& listen = config.listen[i];
    const Value& table = root.find("listen")->as<Value::List>()->at(i);
    if (!listen.is_gateway()) {
      if (!listen.programs.empty())
        faults.add(position_of(table, "programs"),
                   "'programs' is for listeners of web servers; add protocol = \"fastcgi\" or "
                   "\"scgi\"");
      continue;
    }
    for (const std::string_view key : {"tls", "http2", "proxy_protocol"})
      if (table.find(key) != nullptr)
        faults.add(position_of(table, key),
                   "'{}' is for protocol = \"http\"; a web server that speaks FastCGI or SCGI says "
                   "itself who its client is",
                   key);
    note_what_stops_web_servers(config, listen);
  }
}

}  // namespace

std::string note_on_open_gateway(const ListenerOptions& listen) {
  if (!listen.is_gateway() || !is_open(listen) || listen.allow) return {};
  return fmt::format(
      "whoever reaches {} names programs, and the users for whom they run; {}", listen.address,
      listen.option.empty()
          ? "let in the web server alone, allow = [\"192.0.2.7\"], or listen on a unix socket "
            "or on 127.0.0.1"
          : fmt::format("write {0} unix:/path or {0} 127.0.0.1:PORT, or a configuration, which can "
                        "let in the web server alone: allow = [\"192.0.2.7\"] under [[listen]]",
                        listen.option));
}

void check_listeners(const Value& root, Config& config, Faults& faults) {
  std::vector<ConfiguredAddress> addresses;
  const auto add = [&](const ConfiguredAddress& here, unsigned& line) {
    check_exclusive(here, addresses, faults);
    addresses.push_back(here);
    line = here.at.line;
  };
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    ListenerOptions& listen = config.listen[i];
    const Value& table = root.find("listen")->as<Value::List>()->at(i);
    listen.lines = lines_of(table);
    add({"address", listen.address, position_of(table, "address")}, listen.line);
    check_socket_file(table, listen, faults);
    check_allow(table, listen, faults);
    check_errors_key(table, listen, faults);
    check_request_ids(table, listen, faults);
    if (listen.http2.value_or(false) && !has_http2)
      faults.add(position_of(table, "http2"),
                 "'http2': this cgisrv was built without HTTP/2; put a proxy in front");
    if (listen.proxy_protocol && config.server.trusted_proxies.empty())
      faults.add(position_of(table, "proxy_protocol"),
                 "'proxy_protocol' lets in proxies alone; name them: trusted_proxies = "
                 "[\"127.0.0.1\"] under [server]");
  }
  check_gateways(root, config, faults);
  if (!config.admin.listen.empty())
    add({"listen", config.admin.listen, position_of(*root.find("admin"), "listen")},
        config.admin.line);
  if (config.admin.agent.empty()) return;
  const Position& at = position_of(*root.find("admin"), "agent");
  unsigned line = 0;
  add({"agent", config.admin.agent, at}, line);
  if (config.admin.listen.empty())
    faults.add(at,
               "'agent' is beside the status page, whose /readyz HAProxy asks too; add listen = "
               "\"127.0.0.1:9180\", or another address");
}

}  // namespace cgisrv::config
