// What is done when memory is short. operator new that gets none gives back a reserve, so that what
// is under way comes to its end. Who sees that the reserve is gone takes on nothing new until it
// can be had again. Where even the reserve was too little the process waits a second for others to
// let go, then aborts: its supervisor starts another.
#pragma once

namespace cgisrv::memory {

// Once; a fork has a reserve of its own.
void keep_reserve();

// Whether the reserve is there, if need be again.
bool sufficient();

}  // namespace cgisrv::memory
