#include "server/cli.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "server/completion.h"
#include "server/serve.h"
#include "server/suggest.h"

namespace cgisrv::server {

namespace {
constexpr auto version = "cgisrv " CGISRV_VERSION;

constexpr auto help = R"(Usage: cgisrv [DIR] [options]          serve DIR (default: this directory)
       cgisrv -c FILE                  serve by a configuration file
       cgisrv check -c FILE            check a configuration file
       cgisrv exec SCRIPT [URL]        run a program once and show all of it;
                                       see cgisrv exec --help
       cgisrv reference [--scdoc]      print the reference of all parameters
       cgisrv completion bash|zsh|fish print what the shell needs to complete
       cgisrv status|reload|upgrade|reopen|quit|stop  speak to a running server;
                                       see cgisrv status --help

Static files are served; executable files in DIR/cgi-bin/ and executable *.cgi
anywhere are run as CGI programs. Dotfiles are not served.

  -l, --listen ADDR:PORT  listen there; may repeat (default 127.0.0.1:8888)
                          :8000 every interface, [::1]:8000, unix:/path,
                          port 0: any free port; fd:NAME: systemd's sockets
  -w, --workers N         worker processes (default: one per core)
      --admin ADDR:PORT   status page, metrics and health checks there
      --warm              load each program once, fork it for each request
  -c, --config FILE       configuration, see docs/reference.md
  -h, --help              this text
      --version           the version

Signals: TERM, INT stop; QUIT quits; HUP reloads, without -c it stops;
USR1 reopens; USR2 upgrades.
Exit status: 0 stopped, 64 usage, 69 address unavailable, 77 permission,
78 configuration.
)";

constexpr auto remote_help = R"(Usage: cgisrv status [--watch [SECONDS]] [--json]
                      what a running server does: workers, programs
       cgisrv quit    finish open requests, then end
       cgisrv stop    end now
       cgisrv reload  serve by the configuration as it is now
       cgisrv upgrade serve by the program as it is installed now
       cgisrv reopen  open the logs again, after they were moved away

      --watch [SECONDS]  again and again, every 2 seconds; until Ctrl-C
      --json             status for programs, on one line
      --no-wait          quit, stop: return before the server has ended
      --if-running       all but status: where no server runs, there is nothing
                         to do, and that is no failure

Which server, if several run:
      --pid N            the one with that process id
  -c, --config FILE      the one that runs by FILE
      --socket PATH      the one with that control socket

They are looked for in the runtime_dir of FILE or $RUNTIME_DIRECTORY; without
those in /run/cgisrv, and for others than root in $XDG_RUNTIME_DIR/cgisrv and
/tmp/cgisrv-UID too.
Exit status: 0 done, 64 usage, 69 no such server, or it cannot do that,
73 log not opened, 77 permission, 78 configuration.
)";

constexpr auto exec_help = R"(Usage: cgisrv exec SCRIPT [URL] [options]

Runs a CGI program once, as the server would, and shows the request, what the
program got and printed, the response, what it cost, and whether it is good.

SCRIPT is the program's file. URL is what a client would ask for: a path such
as /cgi-bin/hello.cgi/extra?x=1, http://HOST/PATH, or ?QUERY alone. What is
left out leads to SCRIPT. Methods other than GET, HEAD, OPTIONS and DELETE send
standard input as the body.

  -X, --method METHOD    the request's method (default GET)
  -H, --header 'N: V'    a header of the request; may repeat
  -c, --config FILE      by this configuration; else as in directory mode
      --env              print the program's environment alone
      --raw              print what the program prints, as it prints it
      --json             print everything as one JSON object
      --verify           run it cold and warm some times, in turns, and tell
                         whether it does the same; GET and HEAD only
  -h, --help             this text

Exit status: 0 good; 1 bad (no valid response, a status of 500 or above, an
exit status other than 0, a limit); 64 usage, 66 no such program,
77 permission, 78 configuration; 130 after Ctrl-C.
With --verify: 0 the same; 2 it differs; 3 it cannot be started warm.
)";

int usage_error(const std::string& message) {
  std::cerr << "cgisrv: " << message << "\nTry: cgisrv --help\n";
  return status::usage;
}

Command refuse(const std::string& message) {
  return {.kind = Command::Kind::done, .status = usage_error(message)};
}

void add_exec(CLI::App& exec, ExecOptions& options) {
  using Show = ExecOptions::Show;
  exec.add_option("SCRIPT", options.script)->type_name("FILE");
  exec.add_option("URL", options.url);
  exec.add_option("-X,--method", options.method);
  exec.add_option("-H,--header", options.fields)->allow_extra_args(false);
  const auto add_show = [&](const char* name, Show show) {
    return exec.add_flag_callback(name, [&options, show] { options.show = show; });
  };
  auto* const environment = add_show("--env", Show::environment);
  auto* const raw = add_show("--raw", Show::raw);
  auto* const json = add_show("--json", Show::json);
  auto* const verify = exec.add_flag("--verify", options.verify);
  environment->excludes(raw)->excludes(json);
  raw->excludes(json);
  verify->excludes(environment)->excludes(raw)->excludes(json);
}

// The commands that speak to a running server.
void add_remote(CLI::App& app, RemoteCommand& remote) {
  for (const char* const verb : {"status", "reload", "upgrade", "reopen", "quit", "stop"}) {
    auto* const command = app.add_subcommand(verb)->fallthrough();
    command->callback([&remote, verb] { remote.verb = verb; });
    command->add_option("--pid", remote.pid)->check(CLI::Range(1, 1 << 22));
    command->add_option("--socket", remote.socket)->type_name("FILE");
  }
  auto* const status = app.get_subcommand("status");
  status->add_flag("--json", remote.json);
  status->add_option("--watch", remote.watch_seconds)
      ->expected(0, 1)
      ->default_str("2")
      ->check(CLI::Range(0.1, 86400.0))
      ->each([&remote](const std::string&) { remote.watch = true; });
  for (const char* const verb : {"reload", "upgrade", "reopen", "quit", "stop"})
    app.get_subcommand(verb)->add_flag("--if-running", remote.if_running);
  for (const char* const verb : {"quit", "stop"})
    app.get_subcommand(verb)->add_flag("!--no-wait", remote.wait);
}

// What only a server that starts now can be told.
bool is_for_a_start(const Command& command) {
  return !command.listen.empty() || command.workers != 0 || command.warm || !command.admin.empty();
}

Command exec_command(Command command, bool has_directory) {
  command.kind = Command::Kind::exec;
  if (command.exec.script.empty())
    return refuse("exec needs a program: cgisrv exec SCRIPT [URL]; see cgisrv exec --help");
  if (has_directory) return refuse("exec takes SCRIPT and URL, and no more");
  if (is_for_a_start(command))
    return refuse(
        "exec does not listen, and starts programs cold: leave out --listen, --admin, --workers "
        "and --warm; "
        "--verify tells whether a program can be started warm");
  const std::string& method = command.exec.method;
  if (command.exec.verify && method != "GET" && method != "HEAD")
    return refuse(fmt::format(
        "--verify runs the program many times, which {} may not mean: GET and HEAD only", method));
  return command;
}

Command remote_command(Command command, bool has_directory) {
  const std::string& verb = command.remote.verb;
  if (has_directory || is_for_a_start(command))
    return refuse(fmt::format(
        "{0} speaks to a server that runs already: cgisrv {0} [--pid N | -c FILE]", verb));
  command.kind = Command::Kind::remote;
  command.remote.config_file = command.config_file;
  return command;
}

// A command with a slip of the hand is read as a directory, which is not there.
std::optional<std::string> command_meant(const CLI::App& app, const std::string& directory) {
  if (std::error_code ignored; std::filesystem::exists(directory, ignored)) return {};
  std::vector<std::string> commands;
  for (const CLI::App* const each : app.get_subcommands({}))
    commands.push_back(each->get_name());
  const auto meant =
      nearest(directory, std::vector<std::string_view>(commands.begin(), commands.end()));
  return meant ? std::optional(std::string(*meant)) : std::nullopt;
}

}  // namespace

Command parse_command_line(int argc, char** argv) {
  Command command;
  CLI::App app;
  app.set_help_flag();
  app.require_subcommand(0, 1);
  bool wants_help = false;
  bool wants_version = false;
  app.add_flag("-h,--help", wants_help);
  app.add_flag("--version", wants_version);
  const auto* const directory = app.add_option("DIR", command.directory)->type_name("DIR");
  app.add_option("-l,--listen", command.listen)->allow_extra_args(false);
  app.add_option("-w,--workers", command.workers)->check(CLI::Range(1U, pool::workers_max));
  app.add_option("--admin", command.admin);
  app.add_flag("--warm", command.warm);
  app.add_option("-c,--config", command.config_file)->type_name("FILE");
  const auto* const check = app.add_subcommand("check")->fallthrough();
  add_remote(app, command.remote);
  auto* const exec = app.add_subcommand("exec")->fallthrough();
  exec->set_help_flag();
  add_exec(*exec, command.exec);
  auto* const reference = app.add_subcommand("reference")->fallthrough();
  reference->add_flag("--scdoc", command.as_manual);
  auto* const completes = app.add_subcommand("completion")->fallthrough();
  std::string shell;
  completes->add_option("SHELL", shell)->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return refuse(error.what());
  }
  if (wants_help || wants_version) {
    const auto* const text = *exec ? exec_help : command.remote.verb.empty() ? help : remote_help;
    std::cout << (wants_help ? text : version) << (wants_help ? "" : "\n");
    return {.kind = Command::Kind::done};
  }
  if (*completes) {
    std::cout << completion(app, shell);
    return {.kind = Command::Kind::done};
  }
  const bool has_directory = static_cast<bool>(*directory);
  if (*exec) return exec_command(std::move(command), has_directory);
  if (const auto meant = has_directory ? command_meant(app, command.directory) : std::nullopt)
    return refuse(fmt::format("there is no command or directory {}; did you mean: cgisrv {}",
                              command.directory, *meant));
  if (has_directory && !command.config_file.empty())
    return refuse("give a directory or a configuration, not both");
  if (!command.remote.verb.empty()) return remote_command(std::move(command), has_directory);
  if (command.warm && !command.config_file.empty())
    return refuse(
        "--warm is for a directory; in a configuration write start = \"warm\", under [cgi] or in a "
        "location");
  if (*reference) command.kind = Command::Kind::reference;
  if (*check) {
    command.kind = Command::Kind::check;
    if (command.config_file.empty()) return refuse("check needs a file: cgisrv check -c FILE");
  }
  return command;
}

}  // namespace cgisrv::server
