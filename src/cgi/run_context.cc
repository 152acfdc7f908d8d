#include "cgi/run_context.h"

#include <chrono>

#include "base/check.h"
#include "process/spawn.h"

namespace cgisrv::cgi {

namespace {
constexpr std::chrono::microseconds starts_share{300};  // of a turn of the loop
}

RunContext::RunContext(Loop& worker_loop, process::PidTable& table, unsigned worker,
                       const rlimit& limit, Callback idle)
    : loop(worker_loop),
      pid_table(table),
      reaper(worker_loop, idle),
      descriptors(limit),
      starts(worker_loop, starts_share) {
  if (!process::prepare_to_spawn()) cannot_begin("opening /dev/null");
  pid_table.use_row(worker);
}

}  // namespace cgisrv::cgi
