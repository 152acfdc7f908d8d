#include "server/report.h"

#include <nlohmann/json.hpp>

namespace cgisrv::server {

namespace {
using nlohmann::json;
}  // namespace

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report::Server, pid, version, state, uptime_seconds,
                                                serves, configured, listeners)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report::Worker, index, pid, state, connections,
                                                accepted, restarts, memory_bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report::Admission, running, waiting, limit)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report::Program, id, file, running, waiting, limit,
                                                refused, finished, failed, outcomes,
                                                time_p50_seconds, time_p90_seconds,
                                                time_p99_seconds, wait_p99_seconds, cpu_seconds,
                                                memory_peak_bytes, bytes_in, bytes_out)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Report, server, workers, admission, programs)

std::string to_json(const Report& report) {
  return json(report).dump(-1, ' ', true, json::error_handler_t::replace);
}

Result<Report> report_from_json(std::string_view text) {
  try {
    return json::parse(text).get<Report>();
  } catch (const json::exception& error) {
    return fail("what the server sent is no report: {}", error.what());
  }
}

}  // namespace cgisrv::server
