#include "command/remote.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "base/exit_status.h"
#include "base/text.h"
#include "command/watch.h"
#include "config/config.h"
#include "control/client.h"
#include "control/directory.h"
#include "status/report.h"
#include "status/report_table.h"

namespace cgisrv::command {

namespace {

using control::Answer;
using control::Client;

// A reload waits until all new workers are ready, an upgrade until the new server is.
constexpr std::chrono::seconds timeout{90};
constexpr std::chrono::milliseconds interval{200};  // between looks at what is waited for

int complain(int exit_status, const std::string& what) {
  std::fprintf(stderr, "cgisrv: %s\n", what.c_str());
  return exit_status;
}

Result<Answer> ask_status(const std::string& path) {
  auto client = Client::connect(path);
  if (!client) return std::unexpected(client.error());
  return client->ask("status");
}

bool has_ended(const Error& error) {
  return error.code == ECONNREFUSED || error.code == ENOENT;
}

Result<status::Report> fetch(const std::string& path) {
  const auto answer = ask_status(path);
  if (!answer && has_ended(answer.error()))
    return std::unexpected(Error{ENOENT, "the server has ended"});
  if (!answer) return std::unexpected(answer.error());
  return status::report_from_json(answer->text);
}

std::string canonical(const std::string& path) {
  std::error_code error;
  const auto found = std::filesystem::weakly_canonical(path, error);
  return error ? path : found.string();
}

struct Found {
  std::string path;
  status::Report report;
};

struct Search {
  std::vector<std::string> directories;
  std::vector<Found> servers;       // that answer, and match
  std::vector<std::string> silent;  // others, which do not answer, and why
};

bool runs_by(const status::Report::Server& server, const std::string& config_file) {
  return config_file.empty() || (server.configured && server.serves == canonical(config_file));
}

Search search(const RemoteCommand& command) {
  const std::string configured = command.config_file.empty()
                                     ? std::string()
                                     : config::configured_runtime_dir(command.config_file);
  Search search{.directories = control::runtime_directories(configured)};
  for (const std::string& directory : search.directories) {
    if (!control::trusted(directory)) continue;
    for (const auto& file : control::sockets_in(directory)) {
      if (command.pid != 0 && command.pid != file.pid) continue;
      auto report = fetch(file.path);
      if (report && runs_by(report->server, command.config_file))
        search.servers.push_back({file.path, std::move(*report)});
      if (!report && !has_ended(report.error()))
        search.silent.push_back(fmt::format("{}: {}", file.path, report.error().what));
    }
  }
  return search;
}

std::string none_found(const RemoteCommand& command, const Search& search) {
  std::string what = "no server is running";
  if (command.pid != 0) what = fmt::format("no server with pid {} is running", command.pid);
  if (!command.config_file.empty())
    what = fmt::format("no server is running by {}", command.config_file);
  what += "; looked in";
  for (const std::string& directory : search.directories)
    what.append(&directory == &search.directories.front() ? " " : ", ").append(directory);
  for (const std::string& directory : search.directories)
    if (const pid_t pid = control::server_of_root(directory); pid != 0)
      return fmt::format("a server of root runs (pid {}), and you may not speak to it: use sudo",
                         pid);
  if (::geteuid() == 0 && command.config_file.empty())
    what += "; another user's server is named by its control socket: --socket DIR/PID.sock";
  if (!command.config_file.empty())
    what += "; if its runtime_dir was another, name its control socket with --socket DIR/PID.sock";
  return what;
}

// A server may be running with a file that is wrong by now, and cannot be found by it.
std::string faults_of(const std::string& file) {
  std::string what;
  if (file.empty()) return what;
  if (const auto config = config::load_config(file); !config)
    for (const config::ConfigError& error : config.error())
      what.append(error.text()).append("\n");
  return what;
}

std::string several_found(const Search& search) {
  std::string what = "several servers are running; say which:";
  for (const Found& server : search.servers)
    what += fmt::format("\n  --pid {:<8} {} {}", server.report.server.pid,
                        server.report.server.configured ? "-c" : "  ",
                        text::escape(server.report.server.serves));
  return what;
}

std::string silent_ones(const Search& search) {
  std::string what;
  for (const std::string& silent : search.silent)
    what.append("\n  ").append(silent);
  return what;
}

bool is_upgrading(const Found& found) {
  return found.report.server.upgrading;
}

// If exactly one of them serves, that one. For a moment of an upgrade both do: then the older one,
// which is in charge until it has handed over.
void prefer_serving(std::vector<Found>& servers) {
  const auto serves = [](const Found& found) { return found.report.server.is_current(); };
  if (std::ranges::count_if(servers, serves) == 1) {
    std::erase_if(servers, std::not_fn(serves));
    return;
  }
  const auto is_of_one_service = [&](const Found& found) {
    return found.report.server.serves == servers.front().report.server.serves;
  };
  if (std::ranges::all_of(servers, is_of_one_service) &&
      std::ranges::count_if(servers, is_upgrading) == 1)
    std::erase_if(servers, std::not_fn(is_upgrading));
}

// Who is drained, or comes back, has to be so after an upgrade, too: its end is waited for.
Search search_when_settled(const RemoteCommand& command) {
  const bool waits = command.verb == "drain" || command.verb == "undrain";
  const auto give_up = std::chrono::steady_clock::now() + timeout;
  Search found = search(command);
  while (waits && std::ranges::any_of(found.servers, is_upgrading) &&
         std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(interval);
    found = search(command);
  }
  return found;
}

// The path of its socket, or, after printing why there is none, the exit status. A server that does
// not answer is running: its trouble must not be taken for its absence.
std::expected<std::string, int> choose(const RemoteCommand& command) {
  if (!command.socket.empty()) return command.socket;
  Search found = search_when_settled(command);
  if (command.if_running && found.servers.empty() && found.silent.empty())
    return std::unexpected(exit_status::ok);
  if (found.servers.empty()) {
    const std::string faults = faults_of(command.config_file);
    std::fputs(faults.c_str(), stderr);
    return std::unexpected(
        complain(faults.empty() ? exit_status::unavailable : exit_status::configuration,
                 none_found(command, found) + silent_ones(found)));
  }
  // After an upgrade the old server finishes its requests: the new one is meant.
  if (found.servers.size() > 1 && command.pid == 0) prefer_serving(found.servers);
  // Without -c, the one that does not answer may be meant.
  const bool in_doubt = command.config_file.empty() && !found.silent.empty();
  if (found.servers.size() > 1 || in_doubt)
    return std::unexpected(complain(exit_status::usage, several_found(found) + silent_ones(found)));
  return found.servers.front().path;
}

// A server's text is not trusted with the terminal: it may be another user's server.
std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty())
    out.append(out.empty() ? "" : "\n").append(text::printable(text::take_until(text, '\n')));
  return out;
}

std::string verb_of(const RemoteCommand& command) {
  return command.for_maintenance ? command.verb + "-maintenance" : command.verb;
}

// A connection on which nothing is under way loses nothing when it ends: its client is silent, or
// has not sent a whole head yet. A program may run on without its client.
bool is_idle(const status::Report& report) {
  const auto& admission = report.admission;
  return admission.running + admission.waiting == 0 &&
         std::ranges::all_of(report.workers,
                             [](const auto& worker) { return worker.connections_busy == 0; });
}

// The server before an upgrade may still be finishing its requests.
bool predecessor_works(const RemoteCommand& command, const status::Report::Server& self) {
  return std::ranges::any_of(search({.config_file = command.config_file}).servers,
                             [&](const Found& found) {
                               const auto& server = found.report.server;
                               return server.serves == self.serves && server.state == "finishing" &&
                                      !is_idle(found.report);
                             });
}

int wait_for_clients(const RemoteCommand& command, const std::string& path) {
  const auto begun = std::chrono::steady_clock::now();
  const std::chrono::duration<double> most(command.wait_seconds);
  for (bool was_idle = false;;) {
    const auto report = fetch(path);
    if (!report) return complain(exit_status::unavailable, report.error().what);
    if (!report->server.is_drained())
      return complain(exit_status::unavailable, "the server is no longer drained");
    // Twice: a request may just be on its way into a worker.
    const bool idle = is_idle(*report) && !predecessor_works(command, report->server);
    if (std::exchange(was_idle, idle) && idle) return exit_status::ok;
    if (most.count() > 0 && std::chrono::steady_clock::now() - begun >= most)
      return complain(
          exit_status::unavailable,
          "requests are still under way, or programs still run; the server stays drained");
    std::this_thread::sleep_for(interval);
  }
}

int tell(const RemoteCommand& command, const std::string& path) {
  auto client = Client::connect(path);
  if (!client) return complain(exit_status::unavailable, client.error().what);
  const auto answer = client->ask(verb_of(command), timeout);
  if (!answer) return complain(exit_status::unavailable, answer.error().what);
  if (answer->status != exit_status::ok) return complain(answer->status, printable(answer->text));
  std::printf("%s\n", printable(answer->text).c_str());
  std::fflush(stdout);
  if (command.wait_for_clients) return wait_for_clients(command, path);
  const bool ends = command.verb == "quit" || command.verb == "stop";
  if (ends && command.wait && !client->wait_for_end())
    return complain(exit_status::ok, "its end cannot be seen from here, so it was not waited for");
  return exit_status::ok;
}

int show(const RemoteCommand& command, const std::string& path) {
  if (command.watch)
    return watch([&] { return fetch(path); }, std::chrono::duration<double>(command.watch_seconds));
  const auto answer = ask_status(path);
  if (!answer) return complain(exit_status::unavailable, answer.error().what);
  if (command.json) {
    std::fputs(answer->text.c_str(), stdout);
    return exit_status::ok;
  }
  const auto report = status::report_from_json(answer->text);
  if (!report) return complain(exit_status::unavailable, report.error().what);
  std::fputs(status::report_table(*report, nullptr, {.columns = output_screen().columns}).c_str(),
             stdout);
  return exit_status::ok;
}

}  // namespace

std::vector<pid_t> servers_by(const std::string& config_file) {
  std::vector<pid_t> pids;
  for (const Found& server : search({.config_file = config_file}).servers)
    pids.push_back(server.report.server.pid);
  return pids;
}

int run_remote(const RemoteCommand& command) {
  const auto path = choose(command);
  if (!path) return path.error();
  return command.verb == "status" ? show(command, *path) : tell(command, *path);
}

}  // namespace cgisrv::command
