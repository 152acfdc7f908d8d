// Handles lack of memory. When operator new gets none, it frees a reserve, so that work in progress
// can finish. While the reserve is gone, accept no new work. If even the reserve was too little,
// the process waits a second for others to free memory, then aborts: its supervisor starts another.
#pragma once

namespace cgisrv::memory {

// Called once; a fork has a reserve of its own.
void keep_reserve();

// Whether the reserve is there; tries to restore it.
bool sufficient();

}  // namespace cgisrv::memory
