// Where nghttp2 has its memory from. Each connection keeps a buffer for the largest frame, and
// mostly uses a few bytes of it: such a block is pages of its own, of which the kernel only gives
// those that are used.
#pragma once

#include <nghttp2/nghttp2.h>

namespace cgisrv::http2 {

// One for all sessions of the process.
nghttp2_mem* sparse_memory();

}  // namespace cgisrv::http2
