#include "telemetry/board.h"

#include <sys/mman.h>

#include "base/check.h"

namespace cgisrv::telemetry {

// Fresh pages are zero, and zero is a board on which nothing stands.
Board::Board() {
  void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CGISRV_CHECK(memory != MAP_FAILED);
  shared_ = static_cast<Shared*>(memory);
  beat();
}

Board::~Board() {
  ::munmap(shared_, sizeof(Shared));
}

}  // namespace cgisrv::telemetry
