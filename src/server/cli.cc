#include "server/cli.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "server/serve.h"

namespace cgisrv::server {

namespace {
constexpr auto version = "cgisrv " CGISRV_VERSION;

constexpr auto help = R"(Usage: cgisrv [DIR] [options]          serve DIR (default: this directory)
       cgisrv -c FILE                  serve by a configuration file
       cgisrv check -c FILE            check a configuration file
       cgisrv reference                print the reference of all parameters
       cgisrv status|reload|reopen|quit|stop     speak to a running server;
                                       cgisrv status --help says more

Static files are served; executable files in DIR/cgi-bin/ and executable *.cgi
anywhere are run as CGI programs. Dotfiles are never served.

  -l, --listen ADDR:PORT  listen there; may repeat (default 127.0.0.1:8888)
                          :8000 every interface, [::1]:8000, unix:/path,
                          port 0: any free port, printed
  -w, --workers N         worker processes (default: one per core)
  -c, --config FILE       configuration, see docs/reference.md
  -h, --help              this text
      --version           the version

Signals: TERM, INT stop now; QUIT finishes open requests first.
Exit status: 0 stopped, 64 usage, 69 address unavailable, 77 permission,
78 configuration.
)";

constexpr auto remote_help = R"(Usage: cgisrv status [--watch [SECONDS]] [--json]
                      what a running server does: workers, programs
       cgisrv quit    finish open requests, then end
       cgisrv stop    end now
       cgisrv reload  read the configuration again
       cgisrv reopen  open the logs again, after they were moved away

      --watch [SECONDS]  again and again, every 2 seconds; until Ctrl-C
      --json             status for programs, on one line
      --no-wait          quit, stop: return before the server has ended

Which server, if several run:
      --pid N            the one with that process id
  -c, --config FILE      the one that runs by FILE
      --socket PATH      the one with that control socket

They are looked for in $RUNTIME_DIRECTORY and /run/cgisrv, for others than root
in $XDG_RUNTIME_DIR/cgisrv and /tmp/cgisrv-UID too, and where FILE has its
runtime_dir.
Exit status: 0 done, 64 usage, 69 no such server, or it cannot do that.
)";

int usage_error(const std::string& message) {
  std::cerr << "cgisrv: " << message << "\nTry: cgisrv --help\n";
  return status::usage;
}
}  // namespace

// The commands that speak to a running server.
void add_remote(CLI::App& app, RemoteCommand& remote) {
  for (const char* const verb : {"status", "reload", "reopen", "quit", "stop"}) {
    auto* const command = app.add_subcommand(verb)->fallthrough();
    command->callback([&remote, verb] { remote.verb = verb; });
    command->add_option("--pid", remote.pid)->check(CLI::PositiveNumber);
    command->add_option("--socket", remote.socket);
  }
  auto* const status = app.get_subcommand("status");
  status->add_flag("--json", remote.json);
  status->add_option("--watch", remote.watch_seconds)
      ->expected(0, 1)
      ->default_str("2")
      ->check(CLI::Range(0.1, 86400.0))
      ->each([&remote](const std::string&) { remote.watch = true; });
  for (const char* const verb : {"quit", "stop"})
    app.get_subcommand(verb)->add_flag("!--no-wait", remote.wait);
}

Command parse_command_line(int argc, char** argv) {
  Command command;
  CLI::App app;
  app.set_help_flag();
  bool wants_help = false;
  bool wants_version = false;
  app.add_flag("-h,--help", wants_help);
  app.add_flag("--version", wants_version);
  const auto* const directory = app.add_option("DIR", command.directory);
  app.add_option("-l,--listen", command.listen)->allow_extra_args(false);
  app.add_option("-w,--workers", command.workers)->check(CLI::Range(1U, pool::workers_max));
  app.add_option("-c,--config", command.config_file);
  const auto* const check = app.add_subcommand("check")->fallthrough();
  add_remote(app, command.remote);
  const auto* const reference = app.add_subcommand("reference")->fallthrough();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return {.kind = Command::Kind::done, .status = usage_error(error.what())};
  }
  if (wants_help || wants_version) {
    const auto* const text = command.remote.verb.empty() ? help : remote_help;
    std::cout << (wants_help ? text : version) << (wants_help ? "" : "\n");
    return {.kind = Command::Kind::done};
  }
  if (*directory && !command.config_file.empty())
    return {.kind = Command::Kind::done,
            .status = usage_error("give a directory or a configuration, not both")};
  if (!command.remote.verb.empty()) {
    if (*directory || !command.listen.empty() || command.workers != 0)
      return {.kind = Command::Kind::done,
              .status = usage_error(fmt::format("{0} speaks to a server that runs already: "
                                                "cgisrv {0} [--pid N | -c FILE]",
                                                command.remote.verb))};
    command.kind = Command::Kind::remote;
    command.remote.config_file = command.config_file;
  }
  if (*reference) command.kind = Command::Kind::reference;
  if (*check) {
    command.kind = Command::Kind::check;
    if (command.config_file.empty())
      return {.kind = Command::Kind::done,
              .status = usage_error("check needs a file: cgisrv check -c FILE")};
  }
  return command;
}

}  // namespace cgisrv::server
