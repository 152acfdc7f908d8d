#include "admission/table.h"

#include <sys/random.h>

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "process/affinity.h"

namespace cgisrv::admission {

namespace {

// Fowler, Noll, Vo, 1a.
std::uint64_t fnv(std::uint64_t hash, std::string_view text) {
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::uint64_t bit_of(unsigned worker) {
  return std::uint64_t{1} << worker % 64;
}

}  // namespace

// Without a scheduler there is no other limit.
Table::Table() {
  shared_->total_limit = total_max;
  shared_->processors = process::usable_processors();
  CGISRV_CHECK(::getrandom(&seed_, sizeof seed_, 0) == sizeof seed_);
}

// ---- finding -----------------------------------------------------------------------------------

// The second half differs for each start of the server: nobody can choose a file name that is taken
// for another.
ProgramKey Table::key(std::uint32_t location, std::string_view file) const {
  return {.first = (std::hash<std::string_view>{}(file) ^ (location * 0x9e3779b97f4a7c15ULL)) | 1,
          .second = fnv(seed_ ^ location, file)};
}

bool Table::has(unsigned row, const ProgramKey& key) const {
  const Tenure& tenure = shared_->tenures[row];
  return tenure.first == key.first && tenure.second == key.second;
}

std::optional<unsigned> Table::find(const ProgramKey& key) const {
  for (unsigned probe = 0; probe < probes_max; ++probe) {
    const unsigned entry = index_entry(key, probe);
    if (entry != 0 && has(entry - 1, key)) return entry - 1;
  }
  return std::nullopt;
}

// ---- using -------------------------------------------------------------------------------------

void Table::use(unsigned worker, unsigned row, std::chrono::milliseconds now) {
  Tenure& tenure = shared_->tenures[row];
  tenure.used_at.store(now.count(), std::memory_order_relaxed);
  tenure.users[worker / 64].fetch_or(bit_of(worker));
}

void Table::leave(unsigned worker, unsigned row) {
  shared_->tenures[row].users[worker / 64].fetch_and(~bit_of(worker));
}

unsigned Table::limit_of(const ProgramRow& program, unsigned max_running, bool automatic) const {
  if (!automatic) return max_running;
  const unsigned found = program.found.load(std::memory_order_relaxed);
  return std::min(max_running, found != 0 ? found : start_limit());
}

// Who is held by its program's limit would not run under a higher total. Where neither holds any
// more, the program's queue was what it waited for.
LimitKind Table::held_by(const ProgramRow& program, const Limits& limits) const {
  if (program.permits.taken() >= limit_of(program, limits)) return LimitKind::program;
  if (shared_->total.taken() < shared_->total_limit) return LimitKind::program;
  return shared_->is_restrained ? LimitKind::pressure : LimitKind::total;
}

// ---- the master --------------------------------------------------------------------------------

void Table::leave_all(unsigned worker) {
  for (unsigned i = 0; i < programs_max; ++i)
    leave(worker, i);
}

void Table::give(unsigned row, const ProgramKey& key) {
  Tenure& tenure = shared_->tenures[row];
  using std::chrono::milliseconds;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  tenure.used_at = std::chrono::duration_cast<milliseconds>(now).count();
  tenure.second = key.second;
  tenure.first = key.first;
  publish(row, key);
}

// The index is only an aid: where too many keys are near each other, only the master finds some.
void Table::publish(unsigned row, const ProgramKey& key) {
  if (find(key)) return;
  unsigned probe = 0;
  while (probe < probes_max && index_entry(key, probe) != 0)
    ++probe;
  index_entry(key, probe % probes_max) = static_cast<std::uint16_t>(row + 1);
}

std::optional<std::chrono::milliseconds> Table::idle_since(unsigned index) const {
  const Tenure& tenure = shared_->tenures[index];
  const ProgramRow& row = shared_->rows[index];
  const bool is_used =
      std::ranges::any_of(tenure.users, [](const auto& bits) { return bits != 0; });
  if (is_used || row.waiting != 0 || row.zygotes != 0 || row.permits.taken() != 0)
    return std::nullopt;
  return std::chrono::milliseconds(tenure.used_at);
}

// Clears the key, then checks for users. A worker marks its use first, then checks the key.
bool Table::take_back(unsigned index) {
  Tenure& tenure = shared_->tenures[index];
  const ProgramKey key{.first = tenure.first, .second = tenure.second};
  tenure.first = 0;
  if (!idle_since(index)) {
    tenure.first = key.first;
    return false;
  }
  for (unsigned probe = 0; probe < probes_max; ++probe)
    if (auto& entry = index_entry(key, probe); entry == index + 1) entry = 0;
  ProgramRow& row = shared_->rows[index];
  row.named = false;
  row.refused = 0;
  row.watched = false;
  row.found = 0;
  row.reason = LimitReason::unknown;
  row.demand = 0;
  std::construct_at(&row.stats);
  return true;
}

// ---- zygotes -----------------------------------------------------------------------------------

void Table::count_zygotes_of(std::uint32_t generation) {
  shared_->generation = generation;
  forget_zygotes(generation);
}

// The row may get another program in between, which has no zygotes then.
void Table::count_zygotes(std::uint32_t generation, const ProgramKey& key, std::uint32_t ready) {
  const auto found = find(key);
  if (!found || shared_->generation != generation) return;
  row(*found).zygotes = ready;
  if (!has(*found, key)) row(*found).zygotes = 0;
}

void Table::forget_zygotes(std::uint32_t generation) {
  if (shared_->generation != generation) return;
  for (unsigned i = 0; i < programs_max; ++i)
    if (used(i)) row(i).zygotes = 0;
}

}  // namespace cgisrv::admission
