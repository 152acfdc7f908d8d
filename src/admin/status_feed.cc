#include "admin/status_feed.h"

#include <nlohmann/json.hpp>

namespace cgisrv::admin {

namespace {

using nlohmann::json;
using Counts = account::Histogram::Counts;
using Recent = telemetry::Recent;

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double seconds(std::int64_t microseconds) {
  return static_cast<double>(microseconds) / 1e6;
}

// null: there are none.
json percentile(const Counts& durations, double share) {
  if (durations.count() == 0) return nullptr;
  return seconds(durations.percentile(share).count());
}

json as_json(const telemetry::Sample& sample) {
  const auto of_some = [&](double value) { return sample.requests == 0 ? json() : json(value); };
  return {{"time", sample.time},
          {"requests", sample.requests},
          {"failed", sample.failed},
          {"p50_seconds", of_some(sample.p50_seconds)},
          {"p90_seconds", of_some(sample.p90_seconds)},
          {"p99_seconds", of_some(sample.p99_seconds)},
          {"running", sample.running},
          {"waiting", sample.waiting},
          {"connections", sample.connections}};
}

json as_json(const telemetry::Incident& incident) {
  return {{"time", static_cast<double>(incident.time_ms) / 1e3},
          {"request_id", incident.request_id.view()},
          {"program", incident.program.view()},
          {"url", incident.url.view()},
          {"status", incident.status},
          {"duration_seconds", seconds(incident.duration_us)}};
}

json failure(const telemetry::Incident& incident) {
  json made = as_json(incident);
  made["outcome"] = incident.outcome.view();
  made["diagnosis"] = incident.diagnosis.view();
  return made;
}

json slow(const telemetry::Incident& incident) {
  json made = as_json(incident);
  made["wait_seconds"] = seconds(incident.wait_us);
  made["cpu_seconds"] = seconds(incident.cpu_us);
  made["memory_peak_bytes"] = incident.memory_peak_bytes;
  return made;
}

template <typename Items, typename Convert>
json list(const Items& items, Convert convert) {
  json made = json::array();
  for (const auto& item : items)
    made.push_back(convert(item));
  return made;
}

// Of one program, over the last minute.
void add_recent(json& program, const Recent::Growth& recent) {
  const auto per_second = [&](double count) {
    return recent.seconds > 0 ? count / recent.seconds : 0.0;
  };
  program["rate_per_second"] = per_second(static_cast<double>(recent.totals.requests));
  program["recent_failed"] = recent.totals.failed;
  program["recent_bad_exits"] = recent.totals.bad_exits;
  program["recent_cpu"] = per_second(seconds(recent.totals.cpu.count()));
  program["recent_p50_seconds"] = percentile(recent.totals.durations, 0.50);
  program["recent_p99_seconds"] = percentile(recent.totals.durations, 0.99);
}

json recent_of_all(const Recent::Growth& recent) {
  return {{"seconds", recent.seconds},
          {"requests", recent.totals.requests},
          {"failed", recent.totals.failed},
          {"p50_seconds", percentile(recent.totals.durations, 0.50)},
          {"p90_seconds", percentile(recent.totals.durations, 0.90)},
          {"p99_seconds", percentile(recent.totals.durations, 0.99)}};
}

std::uint64_t failed_of(const std::map<std::string, std::uint64_t>& by_status) {
  std::uint64_t count = 0;
  for (const auto& [status, of_it] : by_status)
    if (status >= "500") count += of_it;
  return count;
}

Recent::Totals totals_of(const account::ProgramStats& stats) {
  return {.requests = stats.count(),
          .failed = stats.failed(),
          .bad_exits = stats.with(account::Outcome::bad_exit),
          .cpu = std::chrono::microseconds(stats.cpu_us.load()),
          .durations = stats.total.counts()};
}

}  // namespace

StatusFeed::StatusFeed(const status::Reporter& reporter, admission::Table& table,
                       telemetry::SharedStats& shared_stats)
    : reporter_(reporter),
      table_(table),
      shared_stats_(shared_stats),
      before_(totals(reporter.report())) {
  all_.record(before_, Recent::Clock::now());
}

StatusFeed::Totals StatusFeed::totals(const status::Report& report) const {
  return {.requests = report.totals.requests,
          .failed = failed_of(report.totals.by_status),
          .durations = shared_stats_.traffic().durations.counts()};
}

void StatusFeed::poll() {
  const auto now = Recent::Clock::now();
  const status::Report report = reporter_.report();
  const Totals all = totals(report);
  const Counts durations = all.durations.since(before_.durations);
  const auto percentile = [&](double share) {
    return seconds(durations.percentile(share).count());
  };
  telemetry::Sample sample{.time = now_seconds(),
                           .requests = all.requests - before_.requests,
                           .failed = all.failed - before_.failed,
                           .p50_seconds = percentile(0.50),
                           .p90_seconds = percentile(0.90),
                           .p99_seconds = percentile(0.99),
                           .running = report.admission.running,
                           .waiting = report.admission.waiting};
  for (const status::Report::Worker& worker : report.workers)
    sample.connections += worker.connections;
  shared_stats_.history().add(sample);
  before_ = all;
  all_.record(all, now);
  std::map<std::uint32_t, Recent> looked_at;  // programs that have lost their rows are dropped
  for (const status::Report::Program& program : report.programs) {
    Recent& recent = looked_at[program.id] = std::move(programs_[program.id]);
    recent.record(totals_of(table_.row(program.row).stats), now);
  }
  programs_ = std::move(looked_at);
}

std::string StatusFeed::json() const {
  const status::Report report = reporter_.report();
  nlohmann::json made = status::json_of(report);
  made["now_seconds"] = now_seconds();
  made["interval_seconds"] = telemetry::History::interval.count();
  made["recent"] = recent_of_all(all_.growth());
  made["history"] = list(shared_stats_.history().samples(),
                         [](const telemetry::Sample& sample) { return as_json(sample); });
  for (auto& program : made["programs"]) {
    const auto found = programs_.find(program["id"].get<std::uint32_t>());
    add_recent(program, found == programs_.end() ? Recent::Growth{} : found->second.growth());
  }
  made["failures"] = list(shared_stats_.incidents().failures(), failure);
  made["slowest"] = list(shared_stats_.incidents().slowest(Recent::Clock::now()), slow);
  return status::dump(made);
}

}  // namespace cgisrv::admin
