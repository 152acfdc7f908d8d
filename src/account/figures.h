// What one program has cost since the server was started: counters in shared memory that any worker
// adds to. Zeroed memory is a valid beginning.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "account/account.h"
#include "account/histogram.h"

namespace cgisrv::account {

struct Figures {
  std::array<std::atomic<std::uint64_t>, outcomes> by_outcome;
  Histogram total;  // of those that ran: from the request to the end
  Histogram queue;
  std::atomic<std::uint64_t> cold_starts, warm_starts;
  std::atomic<std::uint64_t> cpu_us;  // user and system
  std::atomic<std::uint64_t> peak_rss_kib;
  std::atomic<std::uint64_t> bytes_in, bytes_out;  // to and from the program

  void add(const Costs& costs);
  void add(const process::Exit& exit);

  std::uint64_t count() const;
  // Those for which is_failure() holds.
  std::uint64_t failed() const;
};

}  // namespace cgisrv::account
