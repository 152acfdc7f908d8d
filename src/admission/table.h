// What all processes know of the programs: who runs, how many wait. Shared memory, made by the
// master before its workers; pages that are not used cost nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "account/figures.h"
#include "admission/places.h"

namespace cgisrv::admission {

inline constexpr unsigned programs_max = 1024;  // further ones share the last row
inline constexpr unsigned running_max = 4096;   // of one program
inline constexpr unsigned total_max = 16384;

// One program at one location. Whoever comes first fills in who it is; a row is never given up.
struct ProgramRow {
  std::atomic<bool> named;                // name is whole
  std::array<char, 247> name;             // its file, cut if need be; ends in NUL
  std::atomic<std::uint32_t> waiting;     // written by the master alone
  std::atomic<std::uint32_t> limit;       // its max_running, for those who look
  std::atomic<std::uint32_t> queue_size;  // so many may wait; likewise
  std::atomic<bool> warm;                 // it is to be started so; likewise
  std::atomic<std::uint32_t> zygotes;     // that are ready
  std::atomic<std::uint64_t> refused;     // answered 503 for want of a place
  account::Figures figures;               // what it has cost
  Places<running_max> places;

  std::string_view text() const { return named ? name.data() : std::string_view("?"); }
};

class Table {
 public:
  Table();
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // The row of a program; `location` tells two places apart that run the same file.
  ProgramRow& find(std::uint32_t location, std::string_view file);
  ProgramRow& row(unsigned index) { return shared_->rows[index]; }
  // Asked first, so that rows nobody uses stay without memory.
  bool used(unsigned index) const { return shared_->keys[index] != 0; }
  unsigned index(const ProgramRow& row) const {
    return static_cast<unsigned>(&row - shared_->rows.data());
  }

  // How many zygotes are ready is told by one generation's keeper at a time. From now on that is
  // this one, and there are none yet.
  void count_zygotes_of(std::uint32_t generation);
  // Does nothing for any other.
  void count_zygotes(std::uint32_t generation, ProgramRow& row, std::uint32_t ready);

  // Of all programs together.
  Places<total_max>& total() { return shared_->total; }
  // How many of them may run now. Written by the master alone.
  std::atomic<std::uint32_t>& total_limit() { return shared_->total_limit; }
  // How many requests wait for want of such a place, whatever their program. Likewise.
  std::atomic<std::uint32_t>& total_waiting() { return shared_->total_waiting; }

 private:
  struct Shared {
    std::atomic<std::uint32_t> total_limit;
    std::atomic<std::uint32_t> total_waiting;
    std::atomic<std::uint32_t> generation;  // whose zygotes are counted
    Places<total_max> total;
    std::array<std::atomic<std::uint64_t>, programs_max> keys;  // of the rows; 0: unused
    std::array<ProgramRow, programs_max> rows;
  };
  Shared* shared_;
};

}  // namespace cgisrv::admission
