#include "process/busy_time.h"

#include <fmt/format.h>

#include <cstdint>
#include <fstream>

namespace cgisrv::process {

std::optional<std::chrono::nanoseconds> busy_time(pid_t pid) {
  std::ifstream words(fmt::format("/proc/{}/schedstat", pid));
  std::int64_t ran = 0;
  std::int64_t waited = 0;
  if (!(words >> ran >> waited)) return std::nullopt;
  return std::chrono::nanoseconds(ran + waited);
}

}  // namespace cgisrv::process
