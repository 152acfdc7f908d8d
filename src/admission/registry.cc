#include "admission/registry.h"

#include <algorithm>

namespace cgisrv::admission {

namespace {
constexpr std::size_t reclaimed_max = programs_max / 16;  // at a time: each round examines all
}  // namespace

Registry::Registry(Table& table) : table_(table) {
  for (unsigned i = programs_max; i > 0; --i)
    free_.push_back(i - 1);
}

std::optional<unsigned> Registry::open(const ProgramKey& key) {
  if (const auto found = rows_.find(key); found != rows_.end()) {
    table_.publish(found->second, key);
    return found->second;
  }
  if (free_.empty()) reclaim();
  if (free_.empty()) return std::nullopt;
  const unsigned row = free_.back();
  free_.pop_back();
  rows_.emplace(key, row);
  table_.give(row, key);
  return row;
}

void Registry::reclaim() {
  using Position = std::map<ProgramKey, unsigned>::iterator;
  std::vector<std::pair<std::chrono::milliseconds, Position>> idle;
  for (auto each = rows_.begin(); each != rows_.end(); ++each)
    if (const auto since = table_.idle_since(each->second)) idle.emplace_back(*since, each);
  std::ranges::sort(idle, {}, &decltype(idle)::value_type::first);
  if (idle.size() > reclaimed_max) idle.resize(reclaimed_max);
  for (const auto& [since, position] : idle) {
    if (!table_.take_back(position->second)) continue;
    free_.push_back(position->second);
    rows_.erase(position);
  }
}

}  // namespace cgisrv::admission
