#include "command/cli.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "auth/password_file.h"
#include "base/exit_status.h"
#include "base/text.h"
#include "base/units.h"
#include "cgi/environment.h"
#include "command/completion.h"
#include "command/help.h"
#include "command/hints.h"
#include "command/usage.h"
#include "config/value_check.h"

namespace cgisrv::command {

namespace {
constexpr auto version = "cgisrv " CGISRV_VERSION "\n";

int usage_error(const std::string& message) {
  std::cerr << "cgisrv: " << message << "\nTry: cgisrv --help\n";
  return exit_status::usage;
}

Command refuse(const std::string& message) {
  return {.kind = Command::Kind::done, .status = usage_error(message)};
}

// Without the range: the help shows an argument's type name.
template <typename T>
CLI::Validator in_range(T min, T max) {
  return CLI::Range(min, max).description("");
}

// `about`: what the command needs a configuration for.
void add_common(CLI::App& app, std::string& config_file, const char* about, bool& wants_help) {
  app.add_option("-c,--config", config_file, about)->type_name("FILE");
  app.add_flag("-h,--help", wants_help, "this text");
}

void add_exec(CLI::App& exec, ExecOptions& options) {
  using Show = ExecOptions::Show;
  exec.add_option("SCRIPT", options.script)->type_name("FILE");
  exec.add_option("URL", options.url);
  exec.add_option("-X,--method", options.method, "the request's method (default GET)")
      ->type_name("METHOD");
  exec.add_option("-H,--header", options.fields, "a header of the request; may repeat")
      ->type_name("'N: V'")
      ->allow_extra_args(false);
  const auto add_show = [&](const char* name, Show show, const char* about) {
    return exec.add_flag_callback(
        name, [&options, show] { options.show = show; }, about);
  };
  auto* const environment =
      add_show("--env", Show::environment, "print the program's environment alone");
  auto* const raw = add_show("--raw", Show::raw, "print what the program prints, as it prints it");
  auto* const json = add_show("--json", Show::json, "print everything as one JSON object");
  auto* const verify = exec.add_flag("--verify", options.verify,
                                     "run it cold and warm some times, in turns, and tell\n"
                                     "whether it does the same; GET and HEAD only");
  environment->excludes(raw)->excludes(json);
  raw->excludes(json);
  verify->excludes(environment)->excludes(raw)->excludes(json);
}

std::pair<std::string, std::string> variable_of(const std::string& text) {
  const auto equals = text.find('=');
  std::string name = text.substr(0, equals);
  if (const auto problem = config::check_variable_name(name); !problem.empty())
    throw CLI::ValidationError("--setenv " + text::printable(text, 200), problem);
  if (cgi::is_computed(name))
    throw CLI::ValidationError("--setenv " + name,
                               "it is computed for each request; what is set here would never have "
                               "an effect");
  if (equals != text.npos) return {std::move(name), text.substr(equals + 1)};
  const char* const value = std::getenv(name.c_str());
  if (value == nullptr)
    throw CLI::ValidationError("--setenv " + name, "it is not set here; write " + name + "=VALUE");
  return {std::move(name), value};
}

std::uint64_t body_size_of(const std::string& text) {
  if (text == "unlimited") return config::bytes_unlimited;
  if (const auto size = parse_size(text)) return *size;
  throw CLI::ValidationError("--body-size", "write a size such as 100m, or unlimited");
}

// Options that a configuration replaces by its own settings.
void add_directory_options(CLI::App& app, config::DirectoryOptions& options) {
  app.add_option_function<std::vector<std::string>>(
         "-E,--setenv",
         [&options](const std::vector<std::string>& variables) {
           for (const std::string& each : variables)
             options.env.push_back(variable_of(each));
         },
         "a variable for programs (NAME: as here); may repeat")
      ->type_name("NAME[=VAL]")
      ->allow_extra_args(false);
  app.add_option_function<std::string>(
         "--body-size",
         [&options](const std::string& size) { options.body_size = body_size_of(size); },
         "what a request may send (default 10m), or unlimited")
      ->type_name("SIZE");
}

// Options for a server that starts.
void add_start(CLI::App& app, Command& command) {
  app.add_option("-l,--listen", command.listen,
                 "listen there; may repeat (default 127.0.0.1:8888)\n"
                 ":8000 (all), :0 (a free port), unix:/path, fd:NAME")
      ->type_name("ADDR:PORT")
      ->allow_extra_args(false);
  const auto add = [&](const char* name, std::vector<std::string>& addresses, const char* about) {
    app.add_option(name, addresses, about)->type_name("ADDR")->allow_extra_args(false);
  };
  add("--fastcgi", command.fastcgi, "take a web server's requests there, as fcgiwrap does");
  add("--scgi", command.scgi, "the same by SCGI");
  app.add_option("-w,--workers", command.workers, "worker processes (default: one per core)")
      ->type_name("N")
      ->check(in_range(1U, pool::workers_max));
  app.add_option("--admin", command.admin, "status page, metrics and health checks there")
      ->type_name("ADDR:PORT");
  app.add_option("--server-name", command.hosts,
                 "answer for that host too, not just for this machine's")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_option("--auth", command.password_user,
                 "let in that user alone, by a password asked for now")
      ->type_name("USER")
      ->check([](const std::string& name) { return auth::check_user_name(name); });
  app.add_flag("--tls", command.of_directory.tls,
               "https, by a certificate that is made once and kept");
  app.add_flag("--warm", command.of_directory.warm,
               "load each program once, fork it for each request");
  app.add_flag("--open", command.open_browser, "show the first page in your browser");
}

void add_check(CLI::App& check, Command& command) {
  auto* const explain = check
                            .add_option("--explain", command.explain,
                                        "say how this URL is answered, step by step; may repeat")
                            ->type_name("URL");
  check
      .add_option_function<std::string>(
          "--client",
          [&command](const std::string& text) {
            command.client = access::Peer::parse(text);
            if (!command.client)
              throw CLI::ValidationError("--client " + text::printable(text, 100),
                                         "write an address such as 192.0.2.7, local or unix");
          },
          "explain for a client of that address; local: this\n"
          "machine, unix: on a unix socket")
      ->type_name("ADDRESS")
      ->needs(explain);
  check
      .add_option("--method", command.method, "explain for a request of that method, such as POST")
      ->type_name("NAME")
      ->needs(explain);
}

CLI::App* add_passwd(CLI::App& app, PasswdCommand& command, bool& wants_help) {
  auto* const passwd = app.add_subcommand("passwd", passwd_usage)->fallthrough();
  passwd->footer(passwd_endings);
  passwd->add_option("FILE", command.file)->type_name("FILE");
  passwd->add_option("USER", command.user);
  passwd->add_flag("--delete", command.removes, "remove the user instead");
  passwd->add_flag("-h,--help", wants_help, "this text");
  return passwd;
}

void add_drain(CLI::App& drain, RemoteCommand& remote) {
  drain.add_flag_callback(
      "--maintenance", [&remote] { remote.for_maintenance = true; },
      "drain: load balancers need not look after it either");
  drain
      .add_option("--wait", remote.wait_seconds,
                  "drain: until no request is under way and no program\n"
                  "runs, for so long at most (default: without end)")
      ->type_name("[SECONDS]")
      ->expected(0, 1)
      ->default_str("0")
      ->check(in_range(0.0, 86400.0))
      ->each([&remote](const std::string&) { remote.wait_for_clients = true; });
}

CLI::App* add_haproxy(CLI::App& app, Command& command, bool& wants_help) {
  auto* const haproxy = app.add_subcommand("haproxy-config", haproxy_usage)->fallthrough();
  haproxy->footer(haproxy_endings);
  add_common(*haproxy, command.config_file, "the server's configuration", wants_help);
  haproxy
      ->add_option("--address", command.haproxy.address,
                   "this machine, as HAProxy reaches it (default: its\nfirst address)")
      ->type_name("HOST");
  haproxy
      ->add_option("--name", command.haproxy.name,
                   "the server's name for HAProxy (default: the machine's)")
      ->type_name("NAME");
  return haproxy;
}

// The commands for a running server. They share one help, which lists each option once.
void add_remote(CLI::App& app, Command& command, bool& wants_help) {
  RemoteCommand& remote = command.remote;
  const auto verb = [&](const char* const name) {
    auto* const added = app.add_subcommand(name, remote_usage)->fallthrough();
    added->footer(remote_endings);
    added->callback([&remote, name] { remote.verb = name; });
    return added;
  };
  auto* const status = verb("status");
  const std::vector<CLI::App*> others = {verb("reload"), verb("upgrade"), verb("reopen"),
                                         verb("quit"),   verb("stop"),    verb("drain"),
                                         verb("undrain")};
  status
      ->add_option("--watch", remote.watch_seconds,
                   "again and again, every 2 seconds; until Ctrl-C")
      ->type_name("[SECONDS]")
      ->expected(0, 1)
      ->default_str("2")
      ->check(in_range(0.1, 86400.0))
      ->each([&remote](const std::string&) { remote.watch = true; });
  status->add_flag("--json", remote.json, "status for programs, on one line");
  for (CLI::App* const ending : {others[3], others[4]})
    ending->add_flag("!--no-wait", remote.wait, "quit, stop: return before the server has ended");
  add_drain(*others[5], remote);
  for (CLI::App* const other : others)
    other->add_flag("--if-running", remote.if_running,
                    "all but status: where no server runs, there is nothing\n"
                    "to do, and that is no failure");
  for (CLI::App* const each : app.get_subcommands(
           [](const CLI::App* one) { return one->get_description() == remote_usage; })) {
    constexpr auto which = "Which server, if several run";
    each->add_option("--pid", remote.pid, "the one with that process id")
        ->type_name("N")
        ->check(in_range(1, 1 << 22))
        ->group(which);
    add_common(*each, command.config_file, "the one that runs by FILE", wants_help);
    each->get_option("--config")->group(which);
    each->add_option("--socket", remote.socket, "the one with that control socket")
        ->type_name("FILE")
        ->group(which);
  }
}

// A command has an option of that name too, so that CLI11 does not notice both.
bool has_two_files(const CLI::App& app) {
  const auto used = app.get_subcommands();
  if (used.empty() || used[0]->get_option_no_throw("--config") == nullptr) return false;
  return app.count("--config") != 0 && used[0]->count("--config") != 0;
}

// Options that only apply to a server that starts now.
bool is_for_a_start(const Command& command) {
  return !command.listen.empty() || !command.fastcgi.empty() || !command.scgi.empty() ||
         command.workers != 0 || command.of_directory.warm || command.of_directory.tls ||
         !command.admin.empty() || !command.hosts.empty() || command.open_browser;
}

bool tells_programs(const config::DirectoryOptions& options) {
  return options.body_size || !options.env.empty();
}

// Nothing, or what to write in the file instead of an option for a directory.
std::string refused_beside_a_file(const Command& command) {
  if (command.config_file.empty()) return {};
  if (!command.hosts.empty())
    return "--server-name is for a directory; in a configuration write server_name under [[site]]";
  if (!command.password_user.empty())
    return "--auth is for a directory; in a configuration write auth = { passwords = \"/path\" } "
           "under [[site]]";
  const auto& options = command.of_directory;
  if (options.tls)
    return "--tls is for a directory; in a configuration write tls = true under [[listen]], and "
           "tls = { certificate = \"/path\", key = \"/path\" } under [[site]]";
  if (options.warm)
    return "--warm is for a directory; in a configuration write start = \"warm\", under [cgi] or "
           "in "
           "a location";
  if (!options.env.empty())
    return fmt::format(
        "--setenv is for a directory; in a configuration write env = {{ {} = \"...\" }}, under "
        "[cgi] or in a location",
        options.env.front().first);
  if (options.body_size)
    return "--body-size is for a directory; in a configuration write body_size, under [limits] or "
           "in a location";
  return {};
}

Command exec_command(Command command, bool has_directory) {
  command.kind = Command::Kind::exec;
  if (command.exec.script.empty())
    return refuse("exec needs a program: cgisrv exec SCRIPT [URL]; see cgisrv exec --help");
  if (has_directory) return refuse("exec takes SCRIPT and URL, and no more");
  if (is_for_a_start(command))
    return refuse(
        "exec does not listen, and starts programs cold: leave out --listen, --fastcgi, --scgi, "
        "--server-name, --admin, --workers, --open, --tls and --warm; "
        "--verify tells whether a program can be started warm");
  if (const auto refused = refused_beside_a_file(command); !refused.empty()) return refuse(refused);
  const std::string& method = command.exec.method;
  if (command.exec.verify && method != "GET" && method != "HEAD")
    return refuse(fmt::format(
        "--verify runs the program many times, which {} may not mean: GET and HEAD only", method));
  return command;
}

Command passwd_command(Command command, bool has_directory) {
  command.kind = Command::Kind::passwd;
  if (!command.config_file.empty())
    return refuse("passwd has no option -c; " + habit_of("passwd", "-c"));
  if (command.passwd.file.empty() || command.passwd.user.empty())
    return refuse("passwd needs a file and a user: cgisrv passwd FILE USER");
  if (has_directory || is_for_a_start(command) || tells_programs(command.of_directory))
    return refuse("passwd takes FILE and USER, and no more than --delete besides");
  return command;
}

Command remote_command(Command command, bool has_directory) {
  const std::string& verb = command.remote.verb;
  if (has_directory || is_for_a_start(command) || tells_programs(command.of_directory))
    return refuse(fmt::format(
        "{0} speaks to a server that runs already: cgisrv {0} [--pid N | -c FILE]", verb));
  command.kind = Command::Kind::remote;
  command.remote.config_file = command.config_file;
  return command;
}

Command haproxy_command(Command command) {
  command.kind = Command::Kind::haproxy;
  if (command.config_file.empty())
    return refuse("haproxy-config needs a file: cgisrv haproxy-config -c FILE");
  return command;
}

// The words of the command line, with "passwd --help" for "help passwd", unless there is a
// directory of that name.
std::vector<char*> words_of(int argc, char** argv, bool& help_by_word) {
  static std::string option = "--help";
  std::vector<char*> words(argv, argv + argc);
  std::error_code ignored;
  help_by_word = (argc == 2 || argc == 3) && std::string_view(words[1]) == "help" &&
                 words.back()[0] != '-' && !std::filesystem::is_directory("help", ignored);
  if (help_by_word) {
    words.erase(words.begin() + 1);
    words.push_back(option.data());
  }
  return words;
}

std::string no_command(const CLI::App& app, const std::string& word) {
  const auto hint = hint_for_operand(app, word);
  return hint.empty() ? fmt::format("there is no command {}", text::printable(word, 200)) : hint;
}

}  // namespace

Command parse_command_line(int argc, char** argv) {
  bool help_by_word = false;
  std::vector<char*> words = words_of(argc, argv, help_by_word);
  Command command;
  CLI::App app(usage);
  app.footer(endings);
  app.set_help_flag();
  app.require_subcommand(0, 1);
  bool wants_help = false;
  bool wants_version = false;
  const auto* const directory = app.add_option("DIR", command.directory)->type_name("DIR");
  add_start(app, command);
  add_directory_options(app, command.of_directory);
  add_common(app, command.config_file, "configuration, see docs/reference.md", wants_help);
  app.add_flag("--version", wants_version, "the version");
  auto* const check = app.add_subcommand("check", check_usage)->fallthrough();
  check->footer(check_endings);
  add_common(*check, command.config_file, "the file that is checked", wants_help);
  add_check(*check, command);
  add_remote(app, command, wants_help);
  auto* const exec = app.add_subcommand("exec", exec_usage)->fallthrough();
  exec->footer(exec_endings);
  add_exec(*exec, command.exec);
  add_directory_options(*exec, command.of_directory);
  add_common(*exec, command.config_file, "by this configuration; else as in directory mode",
             wants_help);
  auto* const passwd = add_passwd(app, command.passwd, wants_help);
  auto* const haproxy = add_haproxy(app, command, wants_help);
  auto* const reference = app.add_subcommand("reference")->fallthrough();
  reference->add_flag("--scdoc", command.as_manual);
  reference->add_flag("-h,--help", wants_help);
  auto* const completes = app.add_subcommand("completion")->fallthrough();
  completes->add_flag("-h,--help", wants_help);
  std::string shell;
  completes->add_option("SHELL", shell)->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  try {
    app.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::ParseError& error) {
    return refuse(unexpected_word(app, error, command.directory, argc, argv));
  }
  if (has_two_files(app)) return refuse("--config may stand once only");
  if (help_by_word && *directory) return refuse(no_command(app, command.directory));
  if (wants_help || wants_version) {
    std::cout << (wants_help ? help(app) : version);
    return {.kind = Command::Kind::done};
  }
  if (*completes) {
    std::cout << completion(app, shell);
    return {.kind = Command::Kind::done};
  }
  const bool has_directory = static_cast<bool>(*directory);
  if (*passwd) return passwd_command(std::move(command), has_directory);
  if (*exec) return exec_command(std::move(command), has_directory);
  if (*check && has_directory && command.config_file.empty())
    return refuse(fmt::format("check needs a file: did you mean: cgisrv check -c {}",
                              text::printable(command.directory, 200)));
  if (const auto hint = has_directory ? hint_for_operand(app, command.directory) : "";
      !hint.empty())
    return refuse(hint);
  if (has_directory && !command.config_file.empty())
    return refuse("give a directory or a configuration, not both");
  if (!command.remote.verb.empty()) return remote_command(std::move(command), has_directory);
  if (const auto refused = refused_beside_a_file(command); !refused.empty()) return refuse(refused);
  if (*haproxy) return haproxy_command(std::move(command));
  if (*reference) command.kind = Command::Kind::reference;
  if (*check) {
    command.kind = Command::Kind::check;
    if (command.config_file.empty()) return refuse("check needs a file: cgisrv check -c FILE");
  }
  return command;
}

}  // namespace cgisrv::command
