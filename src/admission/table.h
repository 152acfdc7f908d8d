// What all processes know of the programs: which run, how many requests wait. Shared memory that
// the master makes before its workers; unused pages cost nothing.
//
// Each program at each location has a row while somebody uses it, and afterwards until the row is
// needed for another. Only the master gives rows and takes them back (admission/registry), so that
// no program ever has two rows and no row two programs. Workers find rows by themselves, and mark
// those that they use. A worker that finds none asks the master.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "account/program_stats.h"
#include "admission/auto_limit.h"
#include "admission/messages.h"
#include "admission/permit_table.h"
#include "base/shared.h"

namespace cgisrv::admission {

inline constexpr unsigned programs_max = 2048;  // that run or wait at a time
inline constexpr unsigned running_max = 4096;   // of one program
inline constexpr unsigned total_max = 16384;
inline constexpr unsigned workers_max = 512;  // worker numbers are lower

// One program at one location.
struct ProgramRow {
  std::atomic<bool> named;                // name is complete; the user of the row sets it
  std::array<char, 247> name;             // its file, cut if need be; ends in NUL
  std::atomic<std::uint32_t> waiting;     // written by the master alone
  std::atomic<std::uint32_t> limit;       // its max_running, or the bound of it; for reports
  std::atomic<bool> automatic;            // whether that is only a bound; for reports
  std::atomic<std::uint32_t> found;       // what the master has found for it; 0: nothing yet
  std::atomic<LimitReason> reason;        // and why; for reports
  std::atomic<std::uint32_t> demand;      // per thousand of its time, it computes; for reports
  std::atomic<bool> watched;              // the master adapts `found`
  std::atomic<std::uint32_t> queue_size;  // how many may wait; for reports
  std::atomic<bool> warm;                 // it is to be started warm; for reports
  std::atomic<std::uint32_t> zygotes;     // zygotes that are ready
  std::atomic<std::uint64_t> refused;     // requests answered 503 for lack of a permit
  account::ProgramStats stats;            // its usage since it has the row
  PermitTable<running_max> permits;
  std::array<std::atomic<pid_t>, running_max> pids;  // of each permit's process; 0: not known

  std::string_view text() const { return named ? name.data() : std::string_view("?"); }
};

class Table {
 public:
  Table();

  // `location` distinguishes two locations that run the same file.
  ProgramKey key(std::uint32_t location, std::string_view file) const;
  // Its row, as far as a worker can see; none: ask the master.
  std::optional<unsigned> find(const ProgramKey& key) const;
  // Whether the program has that row now.
  bool has(unsigned row, const ProgramKey& key) const;
  ProgramRow& row(unsigned index) { return shared_->rows[index]; }
  const ProgramRow& row(unsigned index) const { return shared_->rows[index]; }
  // To be asked first, so that unused rows take no memory.
  bool used(unsigned index) const { return shared_->tenures[index].first != 0; }
  // An id of the row's program, the same whenever and wherever it runs.
  std::uint32_t id(unsigned index) const {
    return static_cast<std::uint32_t>(shared_->tenures[index].first >> 32);
  }
  unsigned index(const ProgramRow& row) const {
    return static_cast<unsigned>(&row - shared_->rows.data());
  }

  // ---- workers: begins or ends the use of a row. The worker must check afterwards that the row
  // still belongs to that program.
  void use(unsigned worker, unsigned row, std::chrono::milliseconds now);
  void leave(unsigned worker, unsigned row);

  // ---- the master alone
  void leave_all(unsigned worker);
  // The row must be free.
  void give(unsigned row, const ProgramKey& key);
  // Makes it visible to find(), if it is not.
  void publish(unsigned row, const ProgramKey& key);
  // Since when it is unused; none: in use.
  std::optional<std::chrono::milliseconds> idle_since(unsigned row) const;
  // Frees the row and forgets its counts; false: it is in use.
  bool take_back(unsigned row);

  // ---- zygotes: one generation's zygote manager at a time reports how many are ready. From now on
  // it is this one, and none are ready yet.
  void count_zygotes_of(std::uint32_t generation);
  // No effect for any other generation, nor for a program without a row.
  void count_zygotes(std::uint32_t generation, const ProgramKey& key, std::uint32_t ready);
  // No zygote is left.
  void forget_zygotes(std::uint32_t generation);

  // Permits for all programs together.
  PermitTable<total_max>& total() { return shared_->total; }
  // How many of them may run now. Written by the master alone.
  std::atomic<std::uint32_t>& total_limit() { return shared_->total_limit; }
  // Whether that is fewer than are configured. Likewise.
  std::atomic<bool>& is_restrained() { return shared_->is_restrained; }
  // How many requests wait for want of such a permit, whatever their program. Likewise.
  std::atomic<std::uint32_t>& total_waiting() { return shared_->total_waiting; }

  // How many of that program may run now.
  unsigned limit_of(const ProgramRow& program, unsigned max_running, bool automatic) const;
  unsigned limit_of(const ProgramRow& program, const Limits& limits) const {
    return limit_of(program, limits.max_running, limits.automatic);
  }
  // As long as nothing is known of it, for one whose limit is automatic.
  unsigned start_limit() const { return shared_->processors + 1; }
  // That this process may use, with all that it starts.
  unsigned processors() const { return shared_->processors; }

  // Why nobody else runs that program.
  LimitKind held_by(const ProgramRow& program, const Limits& limits) const;

 private:
  // The program that has a row, and the workers that use it.
  struct Tenure {
    std::atomic<std::uint64_t> first, second;  // its key; first is 0: free
    std::atomic<std::int64_t> used_at;         // last, in milliseconds
    std::array<std::atomic<std::uint64_t>, workers_max / 64> users;
  };
  static constexpr unsigned index_size = 4 * programs_max;
  static constexpr unsigned probes_max = 8;

  // Fresh pages are zero, and zero is an empty table.
  struct Shared {
    std::atomic<std::uint32_t> total_limit;
    std::atomic<bool> is_restrained;
    std::atomic<std::uint32_t> total_waiting;
    std::atomic<std::uint32_t> processors;
    std::atomic<std::uint32_t> generation;  // whose zygotes are counted
    PermitTable<total_max> total;
    std::array<std::atomic<std::uint16_t>, index_size> index;  // row + 1, near its key's position
    std::array<Tenure, programs_max> tenures;
    std::array<ProgramRow, programs_max> rows;
  };
  std::atomic<std::uint16_t>& index_entry(const ProgramKey& key, unsigned probe) const {
    return shared_->index[(key.first + probe) % index_size];
  }

  cgisrv::Shared<Shared> shared_;
  std::uint64_t seed_;
};

}  // namespace cgisrv::admission
