#include "status/report.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace cgisrv::status {

namespace {

using nlohmann::json;

// No server sends a fraction of that size, and it might not fit where an integer is expected: it is
// dropped.
bool tame(int, json::parse_event_t event, json& value) {
  if (event != json::parse_event_t::value || !value.is_number_float()) return true;
  const auto number = value.get<double>();
  if (!(number >= 0 && number <= std::numeric_limits<int>::max())) value = 0;
  return true;
}

}  // namespace

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report::Server, pid, version, state, uptime_seconds,
                                                generation, serves, configured, upgrading,
                                                listeners)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report::Totals, requests, connections_accepted,
                                                lost_log_lines, worker_deaths, worker_retirements,
                                                reloads, reloads_failed, tls_handshakes,
                                                tls_resumed, tls_failed, http2_connections,
                                                http2_streams, http2_resets, http2_refused,
                                                by_status)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report::Certificate, site, file, not_after,
                                                seconds_left)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report::Worker, index, pid, state, connections,
                                                connections_busy, connections_max, accepted,
                                                restarts, generation, memory_bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report::Admission, running, waiting, limit)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report::Program, id, file, running, waiting, limit,
                                                limit_max, limit_reason, demand, queue_size, start,
                                                zygotes, refused, finished, failed, outcomes,
                                                cold_starts, warm_starts, time_p50_seconds,
                                                time_p90_seconds, time_p99_seconds,
                                                wait_p99_seconds, cpu_seconds, memory_peak_bytes,
                                                bytes_in, bytes_out)

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report, server, totals, certificates, workers,
                                                admission, programs)

json json_of(const Report& report) {
  return report;
}

std::string to_json(const Report& report) {
  return dump(json_of(report));
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

Result<Report> report_from_json(std::string_view text) {
  try {
    return json::parse(text, tame).get<Report>();
  } catch (const json::exception& error) {
    return fail("what the server sent is no report: {}", error.what());
  }
}

}  // namespace cgisrv::status
