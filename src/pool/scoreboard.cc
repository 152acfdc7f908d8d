#include "pool/scoreboard.h"

#include <sys/mman.h>

#include <new>

#include "base/check.h"

namespace cgisrv::pool {

void WorkerRow::clear() {
  heartbeats = 0;
  connections = 0;
  accepted = 0;
  starved = false;
  for (auto& taken : tickets_taken)
    taken = 0;
  doing.fill('\0');
}

Scoreboard::Scoreboard(unsigned workers) : workers_(workers) {
  void* const memory = ::mmap(nullptr, workers * sizeof(WorkerRow), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CGISRV_CHECK(memory != MAP_FAILED);
  rows_ = static_cast<WorkerRow*>(memory);
  for (unsigned i = 0; i < workers; ++i)
    (new (rows_ + i) WorkerRow)->clear();
}

Scoreboard::~Scoreboard() {
  ::munmap(rows_, workers_ * sizeof(WorkerRow));
}

}  // namespace cgisrv::pool
