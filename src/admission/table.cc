#include "admission/table.h"

#include <sys/mman.h>

#include <algorithm>
#include <functional>

#include "base/check.h"

namespace cgisrv::admission {

namespace {
constexpr unsigned probes_max = 64;
}  // namespace

// Fresh pages are zero, and zero is an empty table. Without an arbiter there is no other limit.
Table::Table() {
  void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CGISRV_CHECK(memory != MAP_FAILED);
  shared_ = static_cast<Shared*>(memory);
  shared_->total_limit = total_max;
}

Table::~Table() {
  ::munmap(shared_, sizeof(Shared));
}

void Table::count_zygotes_of(std::uint32_t generation) {
  shared_->generation = generation;
  for (unsigned i = 0; i < programs_max; ++i)
    if (used(i)) row(i).zygotes = 0;
}

void Table::count_zygotes(std::uint32_t generation, ProgramRow& row, std::uint32_t ready) {
  if (shared_->generation == generation) row.zygotes = ready;
}

ProgramRow& Table::find(std::uint32_t location, std::string_view file) {
  const std::uint64_t key =
      (std::hash<std::string_view>{}(file) ^ (location * 0x9e3779b97f4a7c15ULL)) | 1;
  unsigned found = programs_max - 1;
  for (unsigned i = 0; i < probes_max; ++i) {
    const auto at = static_cast<unsigned>((key / 2 + i) % (programs_max - 1));
    std::uint64_t unused = 0;
    if (shared_->keys[at] == key || shared_->keys[at].compare_exchange_strong(unused, key) ||
        unused == key) {
      found = at;
      break;
    }
  }
  ProgramRow& row = shared_->rows[found];
  if (!row.named.load(std::memory_order_acquire)) {
    const bool shared = found == programs_max - 1;
    if (shared) file = "(other programs)";
    // Several may write at once: the same bytes.
    std::ranges::copy(file.substr(0, row.name.size() - 1), row.name.begin());
    if (shared) shared_->keys[found] = key;
    row.named.store(true, std::memory_order_release);
  }
  return row;
}

}  // namespace cgisrv::admission
