// cgisrv: from the command line to an exit status, step by step.
#include <sys/socket.h>

#include <cstdio>
#include <expected>
#include <string>
#include <vector>

#include "exec/exec.h"
#include "net/address.h"
#include "server/cli.h"
#include "server/config.h"
#include "server/parameters.h"
#include "server/remote.h"
#include "server/serve.h"
#include "server/start_check.h"

namespace {

using namespace cgisrv;
using server::Command;
using server::Config;

using Faults = std::vector<std::string>;

// By configuration file, or for a directory; or every fault, a line each.
std::expected<Config, Faults> make_config(const Command& command) {
  Faults faults;
  if (command.config_file.empty()) {
    auto config = server::directory_config(command.directory, command.warm);
    if (config) return std::move(*config);
    faults.push_back("cgisrv: " + config.error().what);
    return std::unexpected(std::move(faults));
  }
  auto config = server::load_config(command.config_file);
  if (config) return std::move(*config);
  for (const auto& error : config.error())
    faults.push_back(error.text());
  return std::unexpected(std::move(faults));
}

// What the command line says goes before what the file says.
void apply_overrides(const Command& command, Config& config) {
  if (!command.listen.empty()) config.listen.clear();
  for (const std::string& address : command.listen)
    config.listen.push_back({address});
  if (config.listen.empty()) config.listen.push_back({"127.0.0.1:8888"});
  if (!command.admin.empty()) {
    config.admin.listen = command.admin;
    config.admin.line = 0;
  }
  if (command.workers != 0) config.server.workers = command.workers;
}

// Directory mode is for the author at the machine itself: from elsewhere nobody is shown listings
// or why a program failed. A unix socket mostly has a proxy in front of it, and so anybody.
void show_on_loopback(Config& config) {
  config.show_failures = true;
  for (const auto& listen : config.listen)
    if (const auto address = net::parse_address(listen.address);
        !address || address->family() == AF_UNIX || !address->loopback())
      config.show_failures = config.sites.front().listing = false;
}

// As the command line has it, which goes for every reading of the file.
std::expected<Config, Faults> make_serving_config(const Command& command) {
  auto config = make_config(command);
  if (!config) return config;
  apply_overrides(command, *config);
  if (command.config_file.empty()) show_on_loopback(*config);
  return config;
}

int complain(const Command& command, const Faults& faults) {
  for (const std::string& fault : faults)
    std::fprintf(stderr, "%s\n", fault.c_str());
  return command.config_file.empty() ? server::status::usage : server::status::configuration;
}

}  // namespace

int main(int argc, char** argv) {
  const Command command = server::parse_command_line(argc, argv);
  if (command.kind == Command::Kind::done) return command.status;
  if (command.kind == Command::Kind::remote) return server::run_remote(command.remote);
  if (command.kind == Command::Kind::reference) {
    const auto page = command.as_manual ? server::reference_manual() : server::reference_page();
    std::fputs(page.c_str(), stdout);
    return server::status::ok;
  }
  const bool executes = command.kind == Command::Kind::exec;
  if (executes && command.config_file.empty()) return exec::run(command.exec);
  const bool serves = command.kind == Command::Kind::serve;
  auto config = serves ? make_serving_config(command) : make_config(command);
  if (!config) return complain(command, config.error());
  if (executes) return exec::run(command.exec, std::move(*config));
  if (command.kind == Command::Kind::check) {
    std::printf("%s: the configuration is valid\n", command.config_file.c_str());
    for (const std::string& lacking : server::what_a_start_lacks(*config))
      std::fprintf(stderr, "note: as it is here, it would not start: %s\n", lacking.c_str());
    return server::status::ok;
  }
  const std::string what = command.config_file.empty() ? config->sites.front().root : config->file;
  return server::serve(std::move(*config),
                       {.what = what,
                        .read_config = [&] { return make_serving_config(command); },
                        .invocation = server::Invocation::of(argv)});
}
