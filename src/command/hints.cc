#include "command/hints.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <span>
#include <vector>

#include "base/suggest.h"
#include "base/text.h"
#include "config/site.h"

namespace cgisrv::command {

namespace {

// How users of other servers write it, and how it is written here. "{}" is the given value, or
// `example` without one.
struct Habit {
  std::string_view words;  // separated by spaces
  std::string_view hint;
  std::string_view example;
};

constexpr std::string_view no_daemon =
    "it stays in the foreground; the unit cgisrv.service runs it in the background";
constexpr std::string_view user_is_configured =
    "name a user in a configuration: user = \"{}\" in [server]";

constexpr Habit habits[] = {
    {"--port -p --listen-port --http-port", "did you mean: -l 127.0.0.1:{}", "8000"},
    {"--directory --dir -d --root --document-root --docroot --webroot -r --path",
     "name the directory alone: cgisrv {}", "DIR"},
    {"--fcgi --fast-cgi", "did you mean: --fastcgi {}", "unix:/path"},
    {"--cgi --cgi-bin --cgi-dir --enable-cgi",
     "leave it out: executable files in cgi-bin/ and those that end in .cgi are always run"},
    {"--index --listing --autoindex -S",
     "leave it out: on loopback addresses directories are listed; otherwise listing = true in a "
     "configuration"},
    {"-V -v version --Version", "did you mean: cgisrv --version"},
    {"help -?", "did you mean: cgisrv --help"},
    {"-f --conf --config-file --configuration", "did you mean: -c {}", "FILE"},
    {"-t -T --test --check --configtest configtest test validate lint",
     "did you mean: cgisrv check -c {}", "FILE"},
    {"-s -k --signal", "did you mean: cgisrv reload, quit or stop"},
    {"restart graceful", "did you mean: cgisrv reload, or cgisrv upgrade"},
    {"graceful-stop", "did you mean: cgisrv quit"},
    {"start serve server run", "leave it out: cgisrv [DIR], or cgisrv -c FILE"},
    {"-D --daemon --daemonize --background -F --foreground --no-daemon", no_daemon},
    {"--user -u", user_is_configured, "www-data"},
    {"--group -g", "name a group in a configuration: group = \"{}\" in [server]", "www-data"},
    {"--processes --threads --jobs -j -n --children", "did you mean: --workers {}", "N"},
    {"--log --access-log --error-log --log-file", "name a log in a configuration, under [log]"},
    {"--ssl --https", "did you mean: --tls"},
    {"--http2 --h2 --h2c", "--tls offers it; in a configuration it is http2 = true in [[listen]]"},
    {"--tls-cert --ssl-cert --cert --tls-key --key",
     "a configuration names certificates: docs/tls.md; --tls makes one by itself"},
    {"--max-body --body --max-body-size", "did you mean: --body-size {}", "SIZE"},
    {"--environment --env -e", "did you mean: --setenv {}", "NAME=VALUE"},
    {"--verbose --debug --log-level --quiet -q --silent",
     "each request is logged; what else is, a configuration says: level = \"debug\" in "
     "[log.error]"},
    {"--timeout --cgi-timeout --request-timeout",
     "a configuration has it: timeout, header_timeout and idle_timeout under [cgi]"},
    {"--agent", "a configuration has it, for HAProxy: agent = \":{}\" under [admin]", "9181"},
    {"--drain --drain-delay",
     "did you mean: cgisrv drain; a configuration has drain_delay, under [server]"},
    {"--status --stats", "did you mean: --admin 127.0.0.1:9180, or cgisrv status"},
};

constexpr Habit curls_bodies[] = {
    {"-d --data --data-raw --data-binary --data-ascii --data-urlencode -F --form -T --upload-file",
     "the body comes on standard input: printf %s {} | cgisrv exec SCRIPT -X POST", "'a=1&b=2'"},
};
constexpr Habit curls_habits[] = {
    {"-v --verbose -i --include -s --silent -S -f -L -k",
     "leave it out: the request, the response and all between are shown"},
    {"-I --head", "did you mean: -X HEAD"},
    {"--request", "did you mean: -X {}", "POST"},
    {"-G --get -q --query", "the query stands in the URL: cgisrv exec SCRIPT '?{}'", "a=1&b=2"},
    {"-A --user-agent", "did you mean: -H 'User-Agent: {}'", "NAME"},
    {"-b --cookie", "did you mean: -H 'Cookie: {}'", "NAME=VALUE"},
    {"-e --referer", "did you mean: -H 'Referer: {}'", "URL"},
    {"-u --user", "did you mean: -H 'Authorization: Basic ...'"},
    {"-o --output", "did you mean: --raw > {}", "FILE"},
};

constexpr Habit htpasswds_habits[] = {
    {"-c --create",
     "leave it out: a file that is not there is made, and one that is there is kept"},
    {"-B -m -d -s -p -C -r --bcrypt", "leave it out: every hash is yescrypt"},
    {"-n", "leave it out: the line is written into FILE, which may be a new one"},
    {"-b", "leave it out: the password is asked for, or is a line of standard input"},
    {"-i --stdin", "leave it out: without a terminal the password is a line of standard input"},
    {"-D --remove", "did you mean: --delete"},
    {"-v --verify", "no password is tried here; ask the server: curl -u USER URL"},
};

// Those of whom a command reminds its users.
std::span<const Habit> habits_of(std::string_view command) {
  if (command == "exec") return curls_habits;
  if (command == "passwd") return htpasswds_habits;
  return {};
}

bool is_one_of(std::string_view words, std::string_view word) {
  while (!words.empty())
    if (text::take_until(words, ' ') == word) return true;
  return false;
}

std::string habit_for(std::span<const Habit> those, std::string_view word, std::string_view value) {
  const auto habit = std::ranges::find_if(
      those, [word](const Habit& each) { return is_one_of(each.words, word); });
  if (habit == those.end()) return {};
  return fmt::format(fmt::runtime(habit->hint), value.empty() ? habit->example : value);
}

bool is_port(std::string_view word) {
  return !word.empty() && word.size() <= 5 &&
         std::ranges::all_of(word, [](char c) { return text::is_digit(c); });
}

// Options that take an address. Some servers have the port in a separate word after it; fcgiwrap's
// -s takes a socket, others' -s a signal.
std::string address_hint(std::string_view word, std::span<const std::string> values) {
  const std::string address = values.empty() ? "127.0.0.1" : values.front();
  const bool is_path = address.starts_with("unix:") || address.starts_with('/');
  constexpr std::string_view tcp = "tcp:";
  const bool is_socket = is_path || address.starts_with(tcp);
  const bool takes_one = is_one_of("--bind -b --host --address --addr --ip -i", word);
  if (!takes_one && !(is_socket && is_one_of("-s --socket -a", word))) return {};
  const std::string shown = text::printable(address, 200);
  if (is_path)
    return fmt::format("did you mean: -l {}{}", shown.front() == '/' ? "unix:" : "", shown);
  if (is_socket) return fmt::format("did you mean: -l {}", shown.substr(tcp.size()));
  if (is_port(std::string_view(address).substr(address.rfind(':') + 1)))
    return fmt::format("did you mean: -l {}{}", is_port(address) ? "127.0.0.1:" : "", shown);
  const bool port_follows = values.size() > 1 && is_port(values[1]);
  return fmt::format("did you mean: -l {}:{}", shown, port_follows ? values[1] : "8888");
}

struct UnknownWord {
  std::string word;                 // an option or a command of another program
  std::vector<std::string> values;  // the words after it, up to the next option
  std::string command;  // whose option it would be: "exec", where curl's are tried; empty: none's
};

// A slip of the hand, in an option of ours or in a long one of another program.
std::string hint_for_slip(const UnknownWord& unknown, std::string_view value,
                          std::span<const std::string_view> options) {
  std::vector<std::string_view> known(options.begin(), options.end());
  for (const std::span<const Habit> those :
       {habits_of(unknown.command), std::span<const Habit>(habits)})
    for (const Habit& habit : those)
      for (std::string_view rest = habit.words; !rest.empty();)
        if (const auto word = text::take_until(rest, ' '); word.starts_with("--"))
          known.push_back(word);
  const auto near = nearest(unknown.word, known);
  if (!near) return {};
  if (auto found = habit_of(unknown.command, *near, value); !found.empty()) return found;
  if (auto found = habit_for(habits, *near, value); !found.empty()) return found;
  return fmt::format("did you mean: {}", *near);
}

UnknownWord unknown_word(const std::string& word, int argc, char** argv) {
  UnknownWord unknown{.word = word.substr(0, word.find('='))};
  if (unknown.word.size() < word.size())
    unknown.values.push_back(word.substr(unknown.word.size() + 1));
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto at = std::ranges::find(words, word);
  if (at == words.end()) return unknown;
  const auto is_option = [](std::string_view each) { return each.starts_with('-'); };
  std::copy(at + 1, std::find_if(at + 1, words.end(), is_option),
            std::back_inserter(unknown.values));
  return unknown;
}

// "did you mean: -l 127.0.0.1:8000". `options`: those that cgisrv has here. Empty when nothing is
// near.
std::string hint_for(const UnknownWord& unknown, std::span<const std::string_view> options) {
  const std::string& word = unknown.word;
  const std::string value =
      unknown.values.empty() ? "" : text::printable(unknown.values.front(), 200);
  const std::string body = value.empty() ? "" : text::shell_word(value);
  if (unknown.command == "exec")
    if (auto found = habit_for(curls_bodies, word, body); !found.empty()) return found;
  if (auto found = habit_of(unknown.command, word, value); !found.empty()) return found;
  if (auto found = address_hint(word, unknown.values); !found.empty()) return found;
  if (is_one_of("--cgi-bin --cgi-dir", word) && value.starts_with('/'))
    return fmt::format(
        "a configuration runs them: [[site.location]] with match = \"/cgi-bin/\" and cgi = "
        "\"{}{}\"",
        value, value.ends_with('/') ? "" : "/");
  if (auto found = habit_for(habits, word, value); !found.empty()) return found;
  if (is_port(word)) return fmt::format("did you mean: -l 127.0.0.1:{}", word);
  return hint_for_slip(unknown, value, options);
}

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* const option : app.get_options())
    for (const std::string& name : option->get_lnames())
      names.push_back("--" + name);
  return names;
}

std::vector<std::string_view> views_of(const std::vector<std::string>& words) {
  return {words.begin(), words.end()};
}

}  // namespace

std::string habit_of(std::string_view command, std::string_view word, std::string_view value) {
  auto found = habit_for(habits_of(command), word, value);
  // htpasswd's letters may stand together: "-nB".
  const bool is_cluster = command == "passwd" && word.size() > 2 && !word.starts_with("--");
  return found.empty() && is_cluster ? habit_of(command, word.substr(0, 2), value) : found;
}

std::string hint_for_operand(const CLI::App& app, const std::string& word) {
  std::error_code ignored;
  if (std::filesystem::is_directory(word, ignored)) return {};
  const std::string shown = text::printable(word, 200);
  if (std::filesystem::exists(word, ignored)) {
    if (word.ends_with(".toml"))
      return fmt::format("{0} is a file; did you mean: cgisrv -c {0}", shown);
    return fmt::format(
        "{0} is a file; to serve its directory, name that; to try a program out: cgisrv exec {0}",
        shown);
  }
  if (word.ends_with(".toml"))
    return fmt::format("there is no file {0}; to serve by one: cgisrv -c {0}", shown);
  std::string hint = is_port(word) ? fmt::format("did you mean: cgisrv -l 127.0.0.1:{}", word)
                                   : habit_for(habits, word, "");
  std::vector<std::string> commands;
  for (const CLI::App* const each : app.get_subcommands({}))
    commands.push_back(each->get_name());
  if (const auto near = nearest(word, views_of(commands)); hint.empty() && near)
    hint = fmt::format("did you mean: cgisrv {}", *near);
  if (hint.empty()) return {};
  return fmt::format("there is no command or directory {}; {}", shown, hint);
}

std::string unexpected_word(const CLI::App& app, const CLI::ParseError& error,
                            const std::string& directory, int argc, char** argv) {
  std::string what = error.what();
  const auto extras = app.remaining(true);
  // CLI11 counts: "--client: At Most 1 required but received 2".
  if (const auto end = what.find(": At Most 1 "); extras.empty() && end != what.npos)
    return what.substr(0, end) + " may be given once";
  // And: "--listen: 1 required ADDR:PORT missing".
  constexpr std::string_view required = ": 1 required ";
  if (const auto at = what.find(required); extras.empty() && at != what.npos) {
    const std::string value = what.substr(at + required.size());
    return fmt::format("{0} needs a value: {0} {1}", what.substr(0, at),
                       value.substr(0, value.find(' ')));
  }
  if (extras.empty()) return what;
  std::vector<std::string> options = names_of(app);
  for (const CLI::App* const used : app.get_subcommands())
    std::ranges::copy(names_of(*used), std::back_inserter(options));
  UnknownWord unknown = unknown_word(extras.front(), argc, argv);
  if (const auto used = app.get_subcommands(); !used.empty()) unknown.command = used[0]->get_name();
  const bool is_option = unknown.word.starts_with('-');
  if (!is_option && !directory.empty() && app.get_subcommands().empty())
    if (auto hint = hint_for_operand(app, directory); !hint.empty()) return hint;
  const auto hint = hint_for(unknown, views_of(options));
  if (hint.empty() && !is_option && !directory.empty() && app.get_subcommands().empty())
    return fmt::format("one directory only: {} is one word too many",
                       text::printable(unknown.word, 200));
  if (hint.empty()) return what;
  return is_option
             ? fmt::format("there is no option {}; {}", unknown.word, hint)
             : fmt::format("{} is one word too many; {}", text::printable(unknown.word, 200), hint);
}

}  // namespace cgisrv::command
