// What a worker lends to all that answers for programs.
#pragma once

#include <cgisrv/loop.h>
#include <sys/resource.h>

#include <array>
#include <cstddef>
#include <span>

#include "admission/admission_client.h"
#include "cgi/field_review.h"
#include "cgi/observer.h"
#include "cgi/permissions.h"
#include "cgi/spool.h"
#include "event/turn_queue.h"
#include "process/oom.h"
#include "process/pid_table.h"
#include "process/reaper.h"
#include "warm/zygotes.h"

namespace cgisrv::cgi {

struct RunContext {
  static constexpr std::size_t scratch_bytes = 64 * 1024;

  // Loop and table outlive it. `worker`: its row of the table. `limit`: for programs whose options
  // set none. `idle` is called when all that had to be ended is gone.
  RunContext(Loop& worker_loop, process::PidTable& table, unsigned worker, const rlimit& limit,
             Callback idle);

  Loop& loop;
  process::PidTable& pid_table;
  process::Reaper reaper;
  rlimit descriptors;
  std::array<char, scratch_bytes> scratch_memory;
  std::span<char> scratch{scratch_memory};                 // only used during a call
  admission::AdmissionClient* admission_client = nullptr;  // null: every program is admitted
  PermissionReview permissions{};
  FieldReview fields{};
  process::OomKills oom_kills{};
  process::Cgroups* cgroups = nullptr;  // null: programs are not confined
  Observer* observer = nullptr;         // of all runs; null: none
  warm::Zygotes* zygotes = nullptr;     // null: every program is started cold
  Callback short_of_descriptors{};      // asks for some to be closed; none: nobody can
  bool stopping = false;                // set: why runs end from now on
  SpoolMemory spool_memory{64 << 20};   // of all runs
  // Starting a program takes longer than anything else that a worker does in one step: many
  // requests at once must not keep the others waiting.
  TurnQueue starts;
};

}  // namespace cgisrv::cgi
