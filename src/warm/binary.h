// Whether the zygote library (src/warm/shim) can be preloaded into a binary.
#pragma once

#include <string>

#include "base/result.h"

namespace cgisrv::warm {

// To be asked before the start: a binary that the loader preloads nothing into, or that enters
// main() without the C library, would run for real, without a request. Empty: it can be done. Else
// the rest of a sentence, without a full stop, with the cause and any remedy: "is statically
// linked, so that nothing can be preloaded". An error: a resource needed to find out is lacking for
// now.
Result<std::string> why_not_preloaded(const std::string& file);

}  // namespace cgisrv::warm
