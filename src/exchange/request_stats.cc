#include "exchange/request_stats.h"

#include "base/text.h"
#include "config/config.h"
#include "config/value_check.h"
#include "proxy/request_id.h"

namespace cgisrv::exchange {

namespace {

using std::chrono::microseconds;
constexpr int status_client_left = 499;  // as in the access log

microseconds micro(Clock::duration duration) {
  return std::chrono::duration_cast<microseconds>(duration);
}

// A request for something that HTTP or a file does not offer is no failure of the server.
bool is_refusal(const accesslog::AccessEntry& entry) {
  return entry.program.empty() && (entry.status == 501 || entry.status == 505);
}

bool has_failed(const accesslog::AccessEntry& entry) {
  if ((entry.status >= 500 && !is_refusal(entry)) || !entry.diagnosis.empty()) return true;
  return entry.usage != nullptr && account::is_failure(entry.usage->outcome);
}

std::string diagnosis_of(const accesslog::AccessEntry& entry) {
  if (entry.usage != nullptr && !entry.usage->diagnosis.empty()) return entry.usage->diagnosis;
  if (!entry.diagnosis.empty()) return std::string(entry.diagnosis);
  return fmt::format("{}: answered with status {} by itself", entry.program, entry.status);
}

telemetry::Incident incident_of(const accesslog::AccessEntry& entry) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  telemetry::Incident made;
  made.time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  static_assert(decltype(made.request_id)::bytes_max >= proxy::request_id_bytes_max);
  made.request_id = decltype(made.request_id)(entry.request_id);
  made.program = decltype(made.program)(text::printable(entry.program));
  made.url = decltype(made.url)(text::printable(entry.target));
  made.status = static_cast<std::uint32_t>(entry.status == 0 ? status_client_left : entry.status);
  made.duration_us = micro(entry.duration).count();
  if (entry.usage == nullptr) return made;
  const account::Usage& usage = *entry.usage;
  made.outcome = decltype(made.outcome)(account::text(usage.outcome));
  made.wait_us = usage.queue.value_or(microseconds(0)).count();
  if (!usage.exit) return made;
  made.cpu_us = usage.exit->processor_time().count();
  made.memory_peak_bytes = static_cast<std::uint64_t>(usage.exit->usage.ru_maxrss) * 1024;
  return made;
}

}  // namespace

RequestStats::RequestStats(telemetry::SharedStats& shared_stats, const config::Config& config)
    : shared_stats_(shared_stats), unrouted_(shared_stats.traffic().find("-", "-")) {
  for (const config::Site& site : config.sites) {
    const std::string name = site.server_name.empty() ? "*" : site.server_name.front();
    const auto add = [&](const config::Location& location, const std::string& match) {
      if (rows_.size() <= location.number) rows_.resize(location.number + 1, &unrouted_);
      rows_[location.number] = &shared_stats.traffic().find(name, match);
    };
    add(site.fallback, "*");
    for (const config::Location& location : site.locations)
      add(location, config::format_match(location.match));
  }
}

void RequestStats::count(const config::Location* location, int status, Clock::duration duration) {
  telemetry::TrafficRow& row = location == nullptr ? unrouted_ : *rows_[location->number];
  row.count(status == 0 ? status_client_left : status);
  shared_stats_.traffic().durations.add(micro(duration));
}

bool RequestStats::is_remarkable(const accesslog::AccessEntry& entry) const {
  return has_failed(entry) ||
         shared_stats_.incidents().is_slow(micro(entry.duration), Clock::now());
}

void RequestStats::note(const accesslog::AccessEntry& entry) {
  const bool failed = has_failed(entry);
  const bool slow = shared_stats_.incidents().is_slow(micro(entry.duration), Clock::now());
  if (!failed && !slow) return;
  telemetry::Incident incident = incident_of(entry);
  if (slow) shared_stats_.incidents().add_slow(incident, Clock::now());
  if (!failed) return;
  incident.diagnosis = decltype(incident.diagnosis)(diagnosis_of(entry));
  shared_stats_.incidents().add_failure(incident);
}

}  // namespace cgisrv::exchange
