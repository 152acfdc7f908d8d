#include "status/reporter.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/log_file.h"
#include "process/kin.h"

namespace cgisrv::status {

namespace {

void add_stats(Report::Program& program, const account::ProgramStats& stats) {
  const auto seconds = [](account::Histogram::Duration duration) {
    return std::chrono::duration<double>(duration).count();
  };
  for (unsigned i = 0; i < account::outcomes; ++i) {
    const auto outcome = static_cast<account::Outcome>(i);
    const std::uint64_t count = stats.by_outcome[i];
    if (count > 0) program.outcomes.emplace(account::text(outcome), count);
    program.finished += count;
    if (account::is_failure(outcome)) program.failed += count;
  }
  program.cold_starts = stats.cold_starts;
  program.warm_starts = stats.warm_starts;
  program.time_p50_seconds = seconds(stats.total.percentile(0.50));
  program.time_p90_seconds = seconds(stats.total.percentile(0.90));
  program.time_p99_seconds = seconds(stats.total.percentile(0.99));
  program.wait_p99_seconds = seconds(stats.queue.percentile(0.99));
  program.cpu_seconds = static_cast<double>(stats.cpu_us) / 1e6;
  program.memory_peak_bytes = stats.peak_rss_kib * 1024;
  program.bytes_in = stats.bytes_in;
  program.bytes_out = stats.bytes_out;
}

}  // namespace

std::string_view server_state(const std::vector<pool::WorkerStatus>& workers) {
  const auto any = [&](std::string_view state) {
    return std::ranges::find(workers, state, &pool::WorkerStatus::state) != workers.end();
  };
  if (any("running")) return "serving";  // others may be finishing
  if (any("stopping")) return "stopping";
  return any("draining") ? "finishing" : "starting";
}

Reporter::Reporter(const pool::Master& master, admission::Table& table,
                   telemetry::SharedStats& shared_stats, About about)
    : master_(master),
      table_(table),
      shared_stats_(shared_stats),
      about_(std::move(about)),
      pid_(::getpid()) {}

Report Reporter::report() const {
  const auto workers = master_.workers();
  const pool::PoolStatus pool = master_.status();
  const std::string_view state = server_state(workers);
  Report report;
  report.server = {
      .pid = pid_,
      .version = CGISRV_VERSION,
      .state = std::string(state == "serving" ? telemetry::text(shared_stats_.presence()) : state),
      .uptime_seconds = std::chrono::duration<double>(shared_stats_.age()).count(),
      .generation = pool.generation,
      .serves = about_.serves,
      .configured = about_.configured,
      .listeners = about_.listeners};
  for (const pool::WorkerStatus& worker : workers)
    report.workers.push_back({.index = worker.index,
                              .pid = worker.pid,
                              .state = std::string(worker.state),
                              .connections = worker.connections,
                              .connections_busy = worker.busy,
                              .connections_max = about_.worker_connections,
                              .accepted = worker.accepted,
                              .restarts = worker.restarts,
                              .generation = worker.generation,
                              .memory_bytes = process::resident_bytes(worker.pid).value_or(0)});
  report.admission = {
      .running = table_.total().taken(), .waiting = 0, .limit = table_.total_limit()};
  add_programs(report);
  report.totals = {.lost_log_lines = log::lost(),
                   .worker_deaths = pool.deaths,
                   .worker_retirements = pool.retirements,
                   .reloads = shared_stats_.reloads(),
                   .reloads_failed = shared_stats_.reloads_failed(),
                   .tls_handshakes = shared_stats_.handshakes().full,
                   .tls_resumed = shared_stats_.handshakes().resumed,
                   .tls_failed = shared_stats_.handshakes().failed,
                   .http2_connections = shared_stats_.http2().connections,
                   .http2_streams = shared_stats_.http2().streams,
                   .http2_resets = shared_stats_.http2().resets,
                   .http2_refused = shared_stats_.http2().refused};
  report.certificates = about_.certificates;
  for (Report::Certificate& each : report.certificates)
    each.seconds_left = each.not_after - std::time(nullptr);
  add_traffic(report.totals);
  return report;
}

void Reporter::add_programs(Report& report) const {
  for (unsigned i = 0; i < admission::programs_max; ++i) {
    if (!table_.used(i)) continue;
    const admission::ProgramRow& row = table_.row(i);
    const bool automatic = row.automatic;
    report.programs.push_back(
        {.id = table_.id(i),
         .row = i,
         .file = std::string(row.text()),
         .running = row.permits.taken(),
         .waiting = row.waiting,
         .limit = table_.limit_of(row, row.limit, automatic),
         .limit_max = row.limit,
         .limit_reason = std::string(automatic ? admission::text(row.reason.load()) : "fixed"),
         .demand = automatic ? row.demand / 1000.0 : 0,
         .queue_size = row.queue_size,
         .start = row.warm ? "warm" : "cold",
         .zygotes = row.zygotes,
         .refused = row.refused});
    add_stats(report.programs.back(), row.stats);
    report.admission.waiting += row.waiting;
    // The row may have passed to another program meanwhile.
    if (table_.id(i) != report.programs.back().id) report.programs.pop_back();
  }
}

void Reporter::add_traffic(Report::Totals& totals) const {
  totals.connections_accepted = shared_stats_.traffic().connections;
  shared_stats_.traffic().each([&](const telemetry::TrafficRow& row) {
    for (unsigned status = telemetry::status_min; status <= telemetry::status_max; ++status) {
      const std::uint64_t count = row.with_status(status);
      if (count == 0) continue;
      totals.requests += count;
      totals.by_status[std::to_string(status)] += count;
    }
  });
}

}  // namespace cgisrv::status
