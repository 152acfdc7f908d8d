// Requests that were answered, counted by location and status. Shared memory, made by the master
// before its workers; rows are found by name, so that they outlive a configuration.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "account/histogram.h"

namespace cgisrv::telemetry {

inline constexpr unsigned traffic_rows_max = 256;  // further ones share the last
inline constexpr unsigned status_min = 100, status_max = 599;

class TrafficRow {
 public:
  // Invalid statuses count as 599.
  void count(int status) {
    const bool known = status >= int{status_min} && status <= int{status_max};
    const unsigned index = (known ? static_cast<unsigned>(status) : status_max) - status_min;
    by_status_[index].fetch_add(1, std::memory_order_relaxed);
  }

  std::string_view site() const { return site_.data(); }
  std::string_view location() const { return location_.data(); }
  std::uint64_t with_status(unsigned status) const {
    return by_status_[status - status_min].load(std::memory_order_relaxed);
  }

 private:
  friend class Traffic;
  std::atomic<std::uint64_t> key_;  // 0: unused
  std::atomic<bool> named_;         // site and location are complete
  std::array<char, 120> site_;      // cut if need be; end in NUL
  std::array<char, 120> location_;
  std::array<std::atomic<std::uint64_t>, status_max - status_min + 1> by_status_;
};

// Zeroed memory is a valid start.
class Traffic {
 public:
  // The caller should keep the row: finding it searches all rows.
  TrafficRow& find(std::string_view site, std::string_view location);

  // Every row that has a name.
  template <typename Visit>
  void each(Visit&& visit) const {
    for (const TrafficRow& row : rows_)
      if (row.named_.load(std::memory_order_acquire)) visit(row);
  }

  account::Histogram durations;  // of all requests, from the head to the end of the response
  std::atomic<std::uint64_t> connections;  // accepted

 private:
  std::array<TrafficRow, traffic_rows_max> rows_;
};

}  // namespace cgisrv::telemetry
