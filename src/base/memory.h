// Handles lack of memory. When operator new gets none, it frees a reserve, so that work in progress
// can finish. While the reserve is gone, accept no new work. If even the reserve was too little,
// the process waits a second for others to free memory, then aborts: its supervisor starts another.
#pragma once

namespace cgisrv::memory {

// Called once; a fork has a reserve of its own.
void keep_reserve();

// Gives the kernel the pages of freed memory, if there are many. The allocator keeps them
// otherwise: once it has mapped and freed a large block, it takes the next ones of that size from
// its heap, where any block that is in use holds all below it.
void give_back_unused();

// Whether the reserve is there; tries to restore it.
bool sufficient();

}  // namespace cgisrv::memory
