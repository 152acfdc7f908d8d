// Modules that a warm program still loads for each request: learnt from its own runs.
#pragma once

#include <sys/resource.h>

#include <string>
#include <vector>

#include "exec/request.h"
#include "exec/resolved_request.h"

namespace cgisrv::exec {

// The request, with this list of modules instead of its location's. `learn`: see warm::Options.
ResolvedRequest with_preload(ResolvedRequest resolved, const std::vector<std::string>& modules,
                             const std::string& learn = {});

// The list that its location should have, of modules that can all be loaded; empty: nothing to add
// to the present one. Runs the program a few times. No loop may have been made before.
std::vector<std::string> propose_preload(const ResolvedRequest& resolved,
                                         const ExecRequest& request, const rlimit& descriptors);

// In the form of a configuration: preload = ["a", "b"]
std::string preload_text(const std::vector<std::string>& modules);

}  // namespace cgisrv::exec
