// cgisrv: from the command line to an exit status, step by step.
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <expected>
#include <string>
#include <vector>

#include "base/exit_status.h"
#include "command/cli.h"
#include "command/haproxy_config.h"
#include "command/own_certificate.h"
#include "command/passwd.h"
#include "command/remote.h"
#include "config/certificate_check.h"
#include "config/config.h"
#include "config/listener_check.h"
#include "config/password_rules.h"
#include "config/reference.h"
#include "config/start_check.h"
#include "exec/exec.h"
#include "master/serve.h"
#include "net/address.h"
#include "site/explain.h"
#include "site/own_names.h"
#include "site/site_notes.h"

namespace {

using namespace cgisrv;
using command::Command;
using config::Config;

using Faults = std::vector<std::string>;

// From a configuration file, or for a directory; or all faults, a line each.
std::expected<Config, Faults> make_config(const Command& command) {
  Faults faults;
  if (command.config_file.empty()) {
    auto config = config::directory_config(command.directory, command.of_directory);
    if (config) return std::move(*config);
    faults.push_back("cgisrv: " + config.error().what);
    return std::unexpected(std::move(faults));
  }
  auto config = config::load_config(command.config_file);
  if (config) return std::move(*config);
  for (const auto& error : config.error())
    faults.push_back(error.text());
  return std::unexpected(std::move(faults));
}

// Of a directory, a web server may name every program.
void add_gateways(const std::vector<std::string>& addresses, config::Protocol protocol,
                  Config& config) {
  const bool is_of_directory = config.file.empty();
  const bool is_fastcgi = protocol == config::Protocol::fastcgi;
  for (const std::string& address : addresses) {
    config::ListenerOptions listen{
        .address = address, .protocol = protocol, .option = is_fastcgi ? "--fastcgi" : "--scgi"};
    if (is_of_directory) listen.programs.push_back(config.sites.front().root);
    config.listen.push_back(std::move(listen));
  }
}

// The command line supersedes the file.
void apply_overrides(const Command& command, Config& config) {
  if (!command.listen.empty() || !command.fastcgi.empty() || !command.scgi.empty())
    config.listen.clear();
  const bool tls = command.of_directory.tls;
  for (const std::string& address : command.listen)
    config.listen.push_back({.address = address, .tls = tls, .option = "--listen"});
  add_gateways(command.fastcgi, config::Protocol::fastcgi, config);
  add_gateways(command.scgi, config::Protocol::scgi, config);
  if (config.listen.empty())
    config.listen.push_back({.address = "127.0.0.1:8888", .tls = tls, .option = "--listen"});
  if (!command.admin.empty()) {
    config.admin.listen = command.admin;
    config.admin.line = 0;
  }
  if (command.workers != 0) config.server.workers = command.workers;
}

// Directory mode is for the author at this machine: other machines see neither listings nor why a
// program failed. A unix socket mostly has a proxy in front of it, and so any client.
void show_on_loopback(Config& config) {
  config.checks_host = true;
  config.own_names = site::own_names();
  config.show_failures = true;
  for (const auto& listen : config.listen)
    if (const auto address = net::parse_address(listen.address);
        !address || address->is_unix() || !address->loopback())
      config.show_failures = config.sites.front().listing = false;
}

// With the command line's settings, which apply to each reading of the file.
std::expected<Config, Faults> make_serving_config(const Command& command) {
  auto config = make_config(command);
  if (!config) return config;
  apply_overrides(command, *config);
  config->hosts = command.hosts;
  if (command.config_file.empty()) show_on_loopback(*config);
  return config;
}

int complain(const Command& command, const Faults& faults) {
  for (const std::string& fault : faults)
    std::fprintf(stderr, "%s\n", fault.c_str());
  return command.config_file.empty() ? exit_status::usage : exit_status::configuration;
}

void note(std::string_view how, const std::vector<std::string>& sentences) {
  for (const std::string& sentence : sentences)
    std::fprintf(stderr, "note: %.*s%s\n", static_cast<int>(how.size()), how.data(),
                 sentence.c_str());
}

// An administrator checks what is to be reloaded: then the address is in the right hands.
std::vector<std::string> addresses_lacking(const Command& command,
                                           const config::StartCheck& start) {
  std::vector<std::string> lacking;
  if (start.addresses_in_use.empty()) return lacking;
  const auto own = command::servers_by(command.config_file);
  for (const auto& [by, sentence] : start.addresses_in_use)
    if (std::ranges::find(own, by) == own.end()) lacking.push_back(sentence);
  return lacking;
}

// Valid: the server could serve with it, here and now, if started by the right user.
int check(const Command& command, const Config& config) {
  const config::StartCheck start = config::check_start(config);
  const char* const file = command.config_file.c_str();
  if (start.obstacles.empty()) std::printf("%s: the configuration is valid\n", file);
  for (const std::string& included : config.included)
    std::printf("%s: included\n", included.c_str());
  for (const std::string& obstacle : start.obstacles)
    std::fprintf(stderr, "%s: as it is here, it would not start: %s\n", file, obstacle.c_str());
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  note("", config.notes);
  note("", config::notes_on_certificates(config, now));
  note("", site::notes_on_sites(config));
  note("", config::notes_on_passwords(config));
  note("as it is here, ", start.shortfalls);
  note("as it is now, it would not start by hand: ", start.by_hand);
  note("as it is now, it would not start: ", addresses_lacking(command, start));
  note("as it is now, it would not start: ", start.missing_now);
  return start.obstacles.empty() ? exit_status::ok : exit_status::configuration;
}

// Each URL's answer, apart from the next by an empty line.
int explain(const Command& command, const Config& config) {
  for (const std::string& url : command.explain)
    if (const auto why = site::why_no_url(config, url); !why.empty()) {
      std::fprintf(stderr, "cgisrv: %s\n", why.c_str());
      return exit_status::usage;
    }
  const auto client = command.client.value_or(site::administrator_of(config));
  for (const std::string& url : command.explain)
    std::printf("%s%s", &url == &command.explain.front() ? "" : "\n",
                site::explain(config, url, client, command.method).c_str());
  return exit_status::ok;
}

// Asks for the password of --auth. False, after saying why: there is none.
bool ask_for_password(Command& command) {
  if (command.password_user.empty()) return true;
  const auto hash = command::ask_hash(command.password_user);
  if (hash)
    command.of_directory.password_entry = command.password_user + ":" + *hash;
  else
    std::fprintf(stderr, "cgisrv: %s\n", hash.error().what.c_str());
  return hash.has_value();
}

// Who listens for others without TLS sends passwords in the clear.
void tell_of_passwords(const Config& config) {
  if (const auto& rule = config.sites.front().access.auth; rule && !rule->entry.empty())
    for (const std::string& note : config::notes_on_passwords(config))
      std::fprintf(stderr, "cgisrv: note: %s\n", note.c_str());
}

// Of a file `check` tells it.
void tell_of_open_gateways(const Config& config) {
  for (const config::ListenerOptions& listen : config.listen)
    if (const auto note = config::note_on_open_gateway(listen);
        !listen.option.empty() && !note.empty())
      std::fprintf(stderr, "cgisrv: note: %s\n", note.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Command command = command::parse_command_line(argc, argv);
  if (command.kind == Command::Kind::done) return command.status;
  if (command.kind == Command::Kind::remote) return command::run_remote(command.remote);
  if (command.kind == Command::Kind::passwd) return command::run_passwd(command.passwd);
  if (command.kind == Command::Kind::reference) {
    const auto page = command.as_manual ? config::reference_manual() : config::reference_page();
    std::fputs(page.c_str(), stdout);
    return exit_status::ok;
  }
  const bool executes = command.kind == Command::Kind::exec;
  if (executes && command.config_file.empty()) return exec::run(command.exec, command.of_directory);
  const bool serves = command.kind == Command::Kind::serve;
  if (serves && !ask_for_password(command)) return exit_status::no_input;
  if (serves && command.of_directory.tls && !command::use_own_certificate(command.of_directory))
    return exit_status::cannot_create;
  auto config = serves ? make_serving_config(command) : make_config(command);
  if (!config) return complain(command, config.error());
  if (executes) return exec::run(command.exec, std::move(*config));
  if (command.kind == Command::Kind::check && !command.explain.empty())
    return explain(command, *config);
  if (command.kind == Command::Kind::check) return check(command, *config);
  if (command.kind == Command::Kind::haproxy)
    return command::run_haproxy_config(*config, command.haproxy);
  tell_of_passwords(*config);
  tell_of_open_gateways(*config);
  const std::string what = command.config_file.empty() ? config->sites.front().root : config->file;
  return master::serve(std::move(*config),
                       {.what = what,
                        .read_config = [&] { return make_serving_config(command); },
                        .invocation = master::Invocation::of(argv),
                        .open_browser = command.open_browser});
}
