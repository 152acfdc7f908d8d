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

int usage_error(const std::string& message) {
  std::cerr << "cgisrv: " << message << "\nTry: cgisrv --help\n";
  return status::usage;
}
}  // namespace

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
  const auto* const reference = app.add_subcommand("reference")->fallthrough();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return {.kind = Command::Kind::done, .status = usage_error(error.what())};
  }
  if (wants_help || wants_version) {
    std::cout << (wants_help ? help : version) << (wants_help ? "" : "\n");
    return {.kind = Command::Kind::done};
  }
  if (*directory && !command.config_file.empty())
    return {.kind = Command::Kind::done,
            .status = usage_error("give a directory or a configuration, not both")};
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
