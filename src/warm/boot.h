// From a recipe to a process that loads its program, on its way to being a zygote (warm/wire.h).
#pragma once

#include <cgisrv/fd.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "warm/recipe.h"

namespace cgisrv::warm {

// What its parent keeps of it.
struct Boot {
  pid_t pid = 0;
  std::int64_t began_ns = 0;  // time_of_changes_ns() before it read anything
  std::string executable;     // by the name under which it was found
  Fd control;                 // the workers' end
  Fd slate;                   // what it is made of, once it is ready
  Fd error;                   // what it has said on its standard error so far
};

// By a child of ours, in `directory`. That it cannot be executed is seen from its end, with exit
// status 127. `descriptors`: as programs have it.
Result<Boot> boot(const Recipe& recipe, const std::string& directory, const rlimit& descriptors);

// The paths that a slate holds, each once.
std::vector<std::string> files_of(int slate);

// Of the standard error that a memfd holds, the line that tells most: the first, but the last of
// what Python traces back. Empty where there is none.
std::string telling_line(int memory_file);

}  // namespace cgisrv::warm
