#include "status/health.h"

#include <fmt/format.h>

#include <algorithm>

namespace cgisrv::status {

namespace {

constexpr auto silence_max = std::chrono::seconds(5);  // the master beats every second

bool has_room(const Report::Worker& worker) {
  return worker.state == "running" && worker.connections < worker.connections_max;
}

}  // namespace

std::string why_not_alive(std::chrono::nanoseconds silence) {
  if (silence <= silence_max) return {};
  return fmt::format("the master has shown no sign of life for {} s",
                     std::chrono::floor<std::chrono::seconds>(silence).count());
}

std::string why_not_ready(const Report& report) {
  if (report.server.state == "drained") return "drained by the administrator";
  if (report.server.state == "maintenance") return "drained by the administrator, for maintenance";
  if (report.server.state != "serving") return report.server.state;
  if (std::ranges::none_of(report.workers, has_room))
    return "saturated: no worker has room for a connection";
  return {};
}

}  // namespace cgisrv::status
