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

ProgramRow& Table::find(std::uint32_t location, std::string_view file) {
  const std::uint64_t key =
      (std::hash<std::string_view>{}(file) ^ (location * 0x9e3779b97f4a7c15ULL)) | 1;
  ProgramRow* found = &shared_->rows.back();
  for (unsigned i = 0; i < probes_max; ++i) {
    ProgramRow& row = shared_->rows[(key / 2 + i) % (programs_max - 1)];
    std::uint64_t unused = 0;
    if (row.key.load(std::memory_order_acquire) == key ||
        row.key.compare_exchange_strong(unused, key) || unused == key) {
      found = &row;
      break;
    }
  }
  if (!found->named.load(std::memory_order_acquire)) {
    const bool shared = found == &shared_->rows.back();
    if (shared) file = "(other programs)";
    // Several may write at once: the same bytes.
    std::ranges::copy(file.substr(0, found->name.size() - 1), found->name.begin());
    if (shared) found->key = key;
    found->named.store(true, std::memory_order_release);
  }
  return *found;
}

}  // namespace cgisrv::admission
