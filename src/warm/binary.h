// Whether the library of zygotes (src/warm/shim) gets into a binary when it is preloaded.
#pragma once

#include <string>

namespace cgisrv::warm {

// To be asked before it is started: what the loader does not preload, or what does not come to
// main() by way of the C library, would run for real, without a request. Empty: it can be done.
// Otherwise the rest of a sentence, without a full stop, that says why not and, where something can
// be done, what: "is statically linked, so that nothing can be preloaded".
std::string why_not_preloaded(const std::string& file);

}  // namespace cgisrv::warm
