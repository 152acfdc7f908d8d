// cgisrv: from the command line to an exit status, step by step.
#include <cstdio>
#include <optional>
#include <string>

#include "exec/exec.h"
#include "net/address.h"
#include "server/cli.h"
#include "server/config.h"
#include "server/parameters.h"
#include "server/remote.h"
#include "server/serve.h"

namespace {

using namespace cgisrv;
using server::Command;
using server::Config;

// By configuration file, or for a directory; nothing, after saying why, when that is impossible.
std::optional<Config> make_config(const Command& command) {
  if (command.config_file.empty()) {
    auto config = server::directory_config(command.directory, command.warm);
    if (config) return std::move(*config);
    std::fprintf(stderr, "cgisrv: %s\n", config.error().what.c_str());
    return std::nullopt;
  }
  auto config = server::load_config(command.config_file);
  if (config) return std::move(*config);
  for (const auto& error : config.error())
    std::fprintf(stderr, "%s\n", error.text().c_str());
  return std::nullopt;
}

// What the command line says goes before what the file says.
void apply_overrides(const Command& command, Config& config) {
  if (!command.listen.empty()) config.listen.clear();
  for (const std::string& address : command.listen)
    config.listen.push_back({address});
  if (config.listen.empty()) config.listen.push_back({"127.0.0.1:8888"});
  if (command.workers != 0) config.server.workers = command.workers;
}

// Directory mode is for the author at the machine itself: from elsewhere nobody is shown listings
// or why a program failed.
void show_on_loopback(Config& config) {
  config.show_failures = true;
  for (const auto& listen : config.listen)
    if (const auto address = net::parse_address(listen.address); !address || !address->loopback())
      config.show_failures = config.sites.front().listing = false;
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
  auto config = make_config(command);
  if (!config)
    return command.config_file.empty() ? server::status::usage : server::status::configuration;
  if (executes) return exec::run(command.exec, std::move(*config));
  if (command.kind == Command::Kind::check) {
    std::printf("%s: the configuration is valid\n", command.config_file.c_str());
    return server::status::ok;
  }
  apply_overrides(command, *config);
  if (command.config_file.empty()) show_on_loopback(*config);
  return server::serve(*config,
                       command.config_file.empty() ? config->sites.front().root : config->file);
}
