#include "server/tally.h"

#include "base/text.h"
#include "server/value_check.h"

namespace cgisrv::server {

namespace {

using std::chrono::microseconds;
constexpr int status_client_left = 499;  // as in the access log

microseconds micro(Clock::duration duration) {
  return std::chrono::duration_cast<microseconds>(duration);
}

bool has_failed(const AccessEntry& entry) {
  if (entry.status >= 500 || !entry.diagnosis.empty()) return true;
  return entry.costs != nullptr && account::is_failure(entry.costs->outcome);
}

std::string diagnosis_of(const AccessEntry& entry) {
  if (entry.costs != nullptr && !entry.costs->diagnosis.empty()) return entry.costs->diagnosis;
  if (!entry.diagnosis.empty()) return std::string(entry.diagnosis);
  return fmt::format("{}: answered with status {} by itself", entry.program, entry.status);
}

telemetry::Incident incident_of(const AccessEntry& entry) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  telemetry::Incident made;
  made.time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  made.request_id = decltype(made.request_id)(entry.request_id);
  made.program = decltype(made.program)(entry.program);
  made.url = decltype(made.url)(entry.target);
  made.status = static_cast<std::uint32_t>(entry.status == 0 ? status_client_left : entry.status);
  made.duration_us = micro(entry.duration).count();
  if (entry.costs == nullptr) return made;
  const account::Costs& costs = *entry.costs;
  made.outcome = decltype(made.outcome)(account::text(costs.outcome));
  made.wait_us = costs.queue.value_or(microseconds(0)).count();
  if (!costs.exit) return made;
  made.cpu_us = (account::user_time(*costs.exit) + account::system_time(*costs.exit)).count();
  made.memory_peak_bytes = static_cast<std::uint64_t>(costs.exit->usage.ru_maxrss) * 1024;
  return made;
}

}  // namespace

Tally::Tally(telemetry::Board& board, const Config& config)
    : board_(board), unrouted_(board.traffic().find("-", "-")) {
  for (const Site& site : config.sites) {
    const std::string name = site.server_name.empty() ? "*" : site.server_name.front();
    const auto add = [&](const Location& location, const std::string& match) {
      if (rows_.size() <= location.number) rows_.resize(location.number + 1, &unrouted_);
      rows_[location.number] = &board.traffic().find(name, match);
    };
    add(site.fallback, "*");
    for (const Location& location : site.locations)
      add(location, format_match(location.match));
  }
}

void Tally::count(telemetry::TrafficRow& row, int status, Clock::duration duration) {
  row.count(status == 0 ? status_client_left : status);
  board_.traffic().durations.add(micro(duration));
}

bool Tally::is_remarkable(const AccessEntry& entry) const {
  return has_failed(entry) || board_.incidents().is_slow(micro(entry.duration), Clock::now());
}

void Tally::note(const AccessEntry& entry) {
  const bool failed = has_failed(entry);
  const bool slow = board_.incidents().is_slow(micro(entry.duration), Clock::now());
  if (!failed && !slow) return;
  telemetry::Incident incident = incident_of(entry);
  if (slow) board_.incidents().add_slow(incident, Clock::now());
  if (!failed) return;
  incident.diagnosis = decltype(incident.diagnosis)(diagnosis_of(entry));
  board_.incidents().add_failure(incident);
}

}  // namespace cgisrv::server
