#include "command/haproxy_config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <optional>

#include "base/exit_status.h"
#include "base/text.h"
#include "base/units.h"
#include "config/config.h"
#include "config/value_check.h"
#include "net/interfaces.h"

namespace cgisrv::command {

namespace {

using config::Config;
using config::Duration;
using config::Location;

constexpr Duration beyond{5'000};         // HAProxy waits longer than the server itself by this
constexpr Duration notices_after{4'000};  // as its checks are written here

std::string time_text(Duration duration) {
  return format_duration(static_cast<std::uint64_t>(duration.count()));
}

bool runs_programs(const Location& location) {
  return location.program != config::ProgramKind::none;
}

template <typename Visit>
void each_program_location(const Config& config, Visit visit) {
  for (const config::Site& site : config.sites)
    for (const Location& location : site.locations)
      if (runs_programs(location)) visit(location);
}

// How many requests it can have at a time.
struct Places {
  std::uint64_t running = 0;
  std::uint64_t fixed = 0;  // of these
  std::uint64_t queue = 0;  // for the fixed ones
  bool any_automatic = false;
  std::string which;  // "*.cgi: 8, /git/: up to 256"; the first few

  // Some wait at the server, so that a place that becomes free is taken at once. The others wait in
  // HAProxy, for whichever server has a place first. Where the number is an upper bound, enough
  // wait without these.
  std::uint64_t waiting() const {
    return fixed == 0 ? 0 : std::min(queue, std::max<std::uint64_t>(2, fixed / 4));
  }
};

Places places_of(const Config& config) {
  constexpr unsigned told_max = 5;
  unsigned seen = 0;
  Places places;
  each_program_location(config, [&](const Location& location) {
    const auto& max_running = location.cgi.max_running;
    std::uint64_t most = max_running.most;
    if (max_running.automatic) {
      // Of these, one may run and all others wait: what the queue does not take is refused.
      most = std::clamp<std::uint64_t>(location.cgi.queue.size, 1, most);
      places.any_automatic = true;
    } else {
      places.fixed += most;
      places.queue += location.cgi.queue.size;
    }
    places.running += most;
    if (++seen > told_max) return;
    const std::string match = text::escape(config::format_match(location.match), 60);
    places.which += seen == told_max ? ", ..."
                                     : fmt::format("{}{}: {}{}", seen == 1 ? "" : ", ", match,
                                                   max_running.automatic ? "up to " : "", most);
  });
  places.running = std::min<std::uint64_t>(places.running, config.server.max_running);
  return places;
}

// What is unlimited is a day for HAProxy, which knows no such thing.
Duration at_most_a_day(Duration duration) {
  return std::min<Duration>(duration, std::chrono::days(1));
}

// The longest silence before an answer, and within one.
Duration silence_max(const Config& config) {
  Duration most{30'000};  // files
  each_program_location(config, [&](const Location& location) {
    const cgi::Options& cgi = location.cgi;
    most = std::max({most, at_most_a_day(cgi.idle_timeout),
                     at_most_a_day(cgi.queue.timeout) + at_most_a_day(cgi.header_timeout)});
  });
  return most;
}

Duration queue_timeout(const Config& config) {
  Duration most{5'000};
  each_program_location(
      config, [&](const Location& location) { most = std::max(most, location.cgi.queue.timeout); });
  return most;
}

// A port of this server that HAProxy is to connect to.
struct Port {
  std::string host;  // empty: the machine's
  std::uint16_t number = 0;
  bool is_of_this_machine = false;  // nobody else reaches it
};

// Nothing: an address without a port.
std::optional<Port> port_of(const std::string& configured) {
  const auto address = net::parse_address(configured);
  if (!address || address->is_unix()) return std::nullopt;
  return Port{address->every_interface() ? std::string() : address->host(), address->port(),
              address->loopback()};
}

std::string in_brackets(const std::string& host) {
  return host.find(':') != std::string::npos ? fmt::format("[{}]", host) : host;
}

std::string with_port(const std::string& host, std::uint16_t port) {
  return fmt::format("{}:{}", in_brackets(host), port);
}

std::string own_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "one";
  std::string found(name.data());
  std::ranges::replace_if(
      found,
      [](char c) {
        return !text::is_alpha(c) && !text::is_digit(c) && c != '-' && c != '_' && c != '.';
      },
      '-');
  return found;
}

// Writes the backend, part by part.
class Writer {
 public:
  Writer(const Config& config, const config::ListenerOptions& listen, const HaproxyCommand& command,
         std::span<const net::Address> interfaces)
      : config_(config), listen_(listen), command_(command) {
    machine_ = !command.address.empty() ? command.address
               : interfaces.empty()     ? "127.0.0.1"
                                        : interfaces.front().host();
  }

  HaproxyBackend backend() {
    head();
    health();
    timeouts();
    client_fields();
    server();
    return std::move(made_);
  }

 private:
  template <typename... Arguments>
  void line(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    made_.text += "  ";
    fmt::format_to(std::back_inserter(made_.text), format, std::forward<Arguments>(arguments)...);
    made_.text += '\n';
  }
  template <typename... Arguments>
  void note(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    made_.notes.push_back(fmt::format(format, std::forward<Arguments>(arguments)...));
  }

  void head() {
    made_.text += fmt::format(
        "# For {}, by `cgisrv haproxy-config`.\n# Add a server line for each further machine, and "
        "`default_backend cgisrv` to a frontend.\n# `option abortonclose` belongs into `defaults`: "
        "in a backend alone it does nothing, and without it\n# programs run on for clients that "
        "have "
        "left.\nbackend cgisrv\n",
        text::escape(config_.file));
    line("mode http");
    line("# To the server with the fewest requests for its weight, which its agent says.");
    line("balance leastconn");
    line("# What was sent may have been done: only what was not is sent to another server.");
    line("retries 3");
    line("retry-on conn-failure");
    line("option redispatch 1");
    line("http-reuse safe");
  }

  void health();
  void agent();
  void timeouts();
  void client_fields();
  void server();
  std::string server_address();
  std::string security() const;

  const Config& config_;
  const config::ListenerOptions& listen_;
  const HaproxyCommand& command_;
  std::string machine_;
  std::string checks_;  // words of the server line
  HaproxyBackend made_;
};

// Checks go to another port, so what the server line says of its own port does not hold for them.
void Writer::health() {
  const config::AdminOptions& admin = config_.admin;
  const auto port = port_of(admin.listen);
  checks_ = "check inter 2s fall 2 rise 1";
  if (!port) {
    if (listen_.proxy_protocol) checks_ += " check-send-proxy";
    note(
        "{}",
        admin.listen.empty()
            ? "HAProxy finds out that a connection is accepted, and no more; for /readyz and drain "
              "write [admin] and listen = \":9180\", on a network that no client reaches"
            : "HAProxy asks no unix socket for /readyz; write listen = \":9180\" under [admin]");
    return agent();
  }
  if (port->is_of_this_machine)
    note(
        "a HAProxy on another machine does not reach [admin] listen = \"{}\"; write \":{}\", on a "
        "network that no client reaches",
        admin.listen, port->number);
  line("# Says no while the server starts, leaves, or is drained.");
  line("option httpchk GET /readyz");
  line("http-check expect status 200");
  if (!port->host.empty()) checks_ += " addr " + in_brackets(port->host);
  checks_ += fmt::format(" port {}", port->number);
  if (!admin.tls.empty()) checks_ += listen_.tls ? " check-ssl" : " check-ssl verify none";
  if (config_.server.drain_delay <= notices_after)
    note(
        "HAProxy notices after {} that this server is to end, and sends requests until then; write "
        "drain_delay = \"10s\" under [server]",
        time_text(notices_after));
  agent();
}

void Writer::agent() {
  const auto port = port_of(config_.admin.agent);
  if (!port)
    return note(
        "no agent tells HAProxy how much the server can take, and when it is drained; write "
        "agent = \":9181\" under [admin]");
  if (port->is_of_this_machine)
    note("a HAProxy on another machine does not reach [admin] agent = \"{}\"; write \":{}\"",
         config_.admin.agent, port->number);
  line("# The agent says which part of it. Of the default, 1, every part is 0: drained.");
  line("default-server weight 100");
  checks_ += fmt::format(" agent-check agent-inter 2s agent-port {}", port->number);
  if (!port->host.empty()) checks_ += " agent-addr " + in_brackets(port->host);
}

void Writer::timeouts() {
  line("timeout connect 5s");
  line("timeout check 5s");
  line("# Longer than a request waits for a place and a program for its output, so that the");
  line("# server's own 503 and 504 come first, which say why.");
  line("timeout server {}", time_text(at_most_a_day(silence_max(config_) + beyond)));
  line("# In HAProxy's queue as long as in the server's.");
  line("timeout queue {}", time_text(at_most_a_day(queue_timeout(config_))));
}

void Writer::client_fields() {
  if (!listen_.proxy_protocol || listen_.request_ids) {
    line(
        "# One id in all logs: the frontend's unique-id-format has it. What clients send is "
        "dropped.");
    line("http-request set-header X-Request-ID %[unique-id]");
  }
  if (listen_.proxy_protocol) {
    if (!listen_.request_ids)
      note(
          "logs here and HAProxy's have nothing in common to search for; write request_ids = true "
          "under [[listen]], and this command writes a line more");
    return;
  }
  line(
      "# Who the client is. The server believes its trusted_proxies; clients' own word is "
      "dropped.");
  line("option forwardfor");
  line("http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]");
  for (const char* const field : {"X-Forwarded-Host", "X-Forwarded-Port", "Forwarded"})
    line("http-request del-header {}", field);
  if (config_.server.trusted_proxies.empty())
    note(
        "HAProxy is taken for the client of every request; write trusted_proxies = "
        "[\"192.0.2.1\"], with its address, under [server]");
}

std::string Writer::server_address() {
  const auto port = port_of(listen_.address);
  if (port && port->number != 0) {
    if (port->is_of_this_machine)
      note(
          "a HAProxy on another machine does not reach address = \"{}\" of [[listen]]; write "
          "\":{}\"",
          listen_.address, port->number);
    return with_port(port->host.empty() ? machine_ : port->host, port->number);
  }
  const auto address = net::parse_address(listen_.address);
  if (address && address->is_unix()) return "unix@" + address->host();
  note("the port of [[listen]] address = \"{}\" is not known here; write it in place of 80",
       listen_.address);
  return with_port(machine_, 80);
}

std::string Writer::security() const {
  std::string words;
  if (listen_.proxy_protocol) words += " send-proxy-v2";
  if (listen_.tls) words += " ssl verify required ca-file @system-ca sni req.hdr(host)";
  return words;
}

void Writer::server() {
  const std::string name = command_.name.empty() ? own_name() : command_.name;
  const Places places = places_of(config_);
  std::string bound;
  if (places.running > 0) {
    bound = fmt::format(" maxconn {}", places.running + places.waiting());
    line("# maxconn: {} that may run ({}; all together {} at most), and", places.running,
         places.which, config_.server.max_running);
    line("# {} that wait here, so that a free place is taken at once. All others wait in HAProxy,",
         places.waiting());
    line("# for whichever server is free first. Each location counts as one program; files count.");
    if (places.any_automatic)
      line("# How many of \"auto\" run is found out: this is as many as may run or wait.");
  }
  if (listen_.tls)
    line("# A certificate that no authority has signed: ca-file with the certificate itself.");
  line("server {} {}{} {}{}", name, server_address(), bound, checks_, security());
}

}  // namespace

Result<HaproxyBackend> haproxy_backend(const Config& config, const HaproxyCommand& command,
                                       std::span<const net::Address> interfaces) {
  const auto listen = std::ranges::find_if(
      config.listen, [](const config::ListenerOptions& each) { return !each.is_gateway(); });
  const config::ListenerOptions by_default;
  if (listen == config.listen.end() && !config.listen.empty())
    return fail("no [[listen]] speaks HTTP, and HAProxy speaks nothing else here");
  return Writer(config, config.listen.empty() ? by_default : *listen, command, interfaces)
      .backend();
}

int run_haproxy_config(const Config& config, const HaproxyCommand& command) {
  const auto made = haproxy_backend(config, command, net::interface_addresses());
  if (!made) {
    std::fprintf(stderr, "cgisrv: %s\n", made.error().what.c_str());
    return exit_status::configuration;
  }
  std::fputs(made->text.c_str(), stdout);
  for (const std::string& note : made->notes)
    std::fprintf(stderr, "note: %s\n", note.c_str());
  return exit_status::ok;
}

}  // namespace cgisrv::command
