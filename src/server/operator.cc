#include "server/operator.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/log.h"
#include "base/text.h"
#include "control/directory.h"
#include "server/serve.h"
#include "server/units.h"

namespace cgisrv::server {

namespace {

// Resident, proc_pid_statm(5); 0 when it has just ended.
std::uint64_t memory_of(pid_t pid) {
  std::ifstream statm(fmt::format("/proc/{}/statm", pid));
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void add_figures(Report::Program& program, const account::Figures& figures) {
  const auto seconds = [](account::Histogram::Duration duration) {
    return std::chrono::duration<double>(duration).count();
  };
  using enum account::Outcome;
  for (unsigned i = 0; i < account::outcomes; ++i) {
    const auto outcome = static_cast<account::Outcome>(i);
    const std::uint64_t count = figures.by_outcome[i];
    if (count > 0) program.outcomes.emplace(account::text(outcome), count);
    program.finished += count;
    if (outcome != answered && outcome != client_left && outcome != refused)
      program.failed += count;
  }
  program.cold_starts = figures.cold_starts;
  program.warm_starts = figures.warm_starts;
  program.time_p50_seconds = seconds(figures.total.percentile(0.50));
  program.time_p90_seconds = seconds(figures.total.percentile(0.90));
  program.time_p99_seconds = seconds(figures.total.percentile(0.99));
  program.wait_p99_seconds = seconds(figures.queue.percentile(0.99));
  program.cpu_seconds = static_cast<double>(figures.cpu_us) / 1e6;
  program.memory_peak_bytes = figures.peak_rss_kib * 1024;
  program.bytes_in = figures.bytes_in;
  program.bytes_out = figures.bytes_out;
}

}  // namespace

// An answer of several lines is several lines of the log.
control::Answer logged(control::Answer answer) {
  const auto level = answer.status == status::ok ? log::Level::notice : log::Level::error;
  for (std::string_view rest = answer.text; !rest.empty();)
    log::line(level, "{}", text::take_until(rest, '\n'));
  return answer;
}

std::string_view server_state(const std::vector<pool::WorkerStatus>& workers) {
  const auto any = [&](std::string_view state) {
    return std::ranges::find(workers, state, &pool::WorkerStatus::state) != workers.end();
  };
  if (any("running")) return "serving";  // others may finish what they have begun
  if (any("stopping")) return "stopping";
  return any("draining") ? "finishing" : "starting";
}

Operator::Operator(pool::Master& master, Operated& server, std::string serves,
                   admission::Table& table)
    : master_(master), server_(server), serves_(std::move(serves)), table_(table) {
  if (auto listening = listen(); !listening)
    log::line(log::Level::warn,
              "no control socket, so cgisrv status, quit and the others do not find this server: "
              "{}; set [server] runtime_dir, or XDG_RUNTIME_DIR",
              listening.error().what);
}

// In the first of the directories that can be used.
Result<void> Operator::listen() {
  Error first;
  for (const std::string& directory :
       control::runtime_directories(server_.config().server.runtime_dir)) {
    auto made = control::make_directory(directory);
    if (made) {
      auto opened = control::Server::open(
          master_.loop(), directory,
          [this](std::string_view verb, const ucred& peer, control::Reply reply) {
            answer(verb, peer, std::move(reply));
          });
      if (opened) {
        control_ = std::move(*opened);
        return {};
      }
      made = std::unexpected(opened.error());
    }
    if (first.what.empty()) first = made.error();
  }
  return std::unexpected(first);
}

void Operator::abandon() {
  if (control_) control_->abandon();
}

void Operator::answer(std::string_view verb, const ucred& peer, control::Reply reply) {
  if (verb == "status") return reply({status::ok, to_json(report()) + "\n"});
  constexpr std::string_view commands[] = {"reload", "upgrade", "reopen", "quit", "stop"};
  if (std::ranges::find(commands, verb) == std::end(commands))
    return reply(
        {status::usage, "this server knows status, reload, upgrade, reopen, quit, stop\n"});
  log::line(log::Level::notice, "{}: asked for by pid {}, uid {}", verb, peer.pid, peer.uid);
  if (verb == "quit") return reply(stop(pool::Stop::finish));
  if (verb == "stop") return reply(stop(pool::Stop::now));
  if (verb == "reopen") return reply(server_.reopen());
  return verb == "reload" ? server_.reload(std::move(reply)) : server_.upgrade(std::move(reply));
}

control::Answer Operator::stop(pool::Stop how) {
  master_.stop(how);
  if (how == pool::Stop::now) return {status::ok, "stopping now\n"};
  const Duration limit = server_.config().server.shutdown_timeout;
  if (limit == duration_unlimited) return {status::ok, "finishing open requests, then stopping\n"};
  return {status::ok, fmt::format("finishing open requests, for {} at most, then stopping\n",
                                  format_duration(static_cast<std::uint64_t>(limit.count())))};
}

Report Operator::report() const {
  const auto workers = master_.workers();
  Report report;
  report.server = {.pid = ::getpid(),
                   .version = CGISRV_VERSION,
                   .state = std::string(server_state(workers)),
                   .uptime_seconds = std::chrono::duration<double>(Clock::now() - started_).count(),
                   .serves = serves_,
                   .configured = !server_.config().file.empty(),
                   .listeners = server_.listeners()};
  for (const pool::WorkerStatus& worker : workers)
    report.workers.push_back({.index = worker.index,
                              .pid = worker.pid,
                              .state = std::string(worker.state),
                              .connections = worker.connections,
                              .accepted = worker.accepted,
                              .restarts = worker.restarts,
                              .generation = worker.generation,
                              .memory_bytes = worker.pid > 0 ? memory_of(worker.pid) : 0});
  report.admission = {
      .running = table_.total().taken(), .waiting = 0, .limit = table_.total_limit()};
  report_programs(report);
  return report;
}

void Operator::report_programs(Report& report) const {
  for (unsigned i = 0; i < admission::programs_max; ++i) {
    if (!table_.used(i)) continue;
    const admission::ProgramRow& row = table_.row(i);
    report.programs.push_back({.id = i,
                               .file = std::string(row.text()),
                               .running = row.places.taken(),
                               .waiting = row.waiting,
                               .limit = row.limit,
                               .refused = row.refused});
    add_figures(report.programs.back(), row.figures);
    report.admission.waiting += row.waiting;
  }
}

}  // namespace cgisrv::server
