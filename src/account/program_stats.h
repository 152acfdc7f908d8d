// What one program has used since the server was started: counters in shared memory that any worker
// adds to. Zeroed memory is a valid start.
#pragma once

#include <atomic>
#include <cstdint>

#include "account/account.h"
#include "account/histogram.h"

namespace cgisrv::account {

struct ProgramStats {
  std::array<std::atomic<std::uint64_t>, outcomes> by_outcome;
  Histogram total;  // of runs that started: from the request to the end
  Histogram queue;
  std::atomic<std::uint64_t> cold_starts, warm_starts;
  std::atomic<std::uint64_t> cpu_us;         // user and system
  std::atomic<std::uint64_t> ended, run_us;  // runs whose process was reaped, and their duration
  std::atomic<std::uint64_t> peak_rss_kib;
  std::atomic<std::uint64_t> bytes_in, bytes_out;  // to and from the program

  void add(const Usage& usage);
  // `run`: from its start to the exit.
  void add(const process::Exit& exit, Duration run);

  std::uint64_t count() const;
  std::uint64_t with(Outcome outcome) const {
    return by_outcome[static_cast<unsigned>(outcome)].load(std::memory_order_relaxed);
  }
  // Runs for which is_failure() holds.
  std::uint64_t failed() const;
};

}  // namespace cgisrv::account
