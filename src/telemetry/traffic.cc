#include "telemetry/traffic.h"

#include <algorithm>
#include <functional>

namespace cgisrv::telemetry {

namespace {

template <std::size_t size>
void fill(std::array<char, size>& room, std::string_view text) {
  std::ranges::copy(text.substr(0, size - 1), room.begin());
}

}  // namespace

TrafficRow& Traffic::find(std::string_view site, std::string_view location) {
  const std::hash<std::string_view> hash;
  const std::uint64_t key = (hash(site) ^ (hash(location) * 0x9e3779b97f4a7c15ULL)) | 1;
  constexpr unsigned own = traffic_rows_max - 1;  // rows that are not shared
  TrafficRow* found = &rows_[own];
  for (unsigned i = 0; i < own; ++i) {
    TrafficRow& row = rows_[(key / 2 + i) % own];
    std::uint64_t unused = 0;
    if (row.key_ == key || row.key_.compare_exchange_strong(unused, key) || unused == key) {
      found = &row;
      break;
    }
  }
  if (!found->named_.load(std::memory_order_acquire)) {
    const bool shared = found == &rows_[own];
    // Several may write at once: the same bytes.
    fill(found->site_, shared ? "(other)" : site);
    fill(found->location_, shared ? "(other)" : location);
    found->named_.store(true, std::memory_order_release);
  }
  return *found;
}

}  // namespace cgisrv::telemetry
