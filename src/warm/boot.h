// From a recipe to a process that loads its program and will be a zygote (warm/wire.h).
#pragma once

#include <cgisrv/fd.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "warm/recipe.h"
#include "warm/zygote_table.h"

namespace cgisrv::warm {

// From a zygote's start to the point where it would read its request. Requests do not wait for it,
// so it is long enough for a busy machine.
inline constexpr std::chrono::seconds boot_timeout{30};
// The exit status when execution failed for lack of a resource, which says nothing of the program:
// EX_TEMPFAIL of sysexits.h.
inline constexpr int boot_status_shortage = 75;

// What the parent keeps of a zygote.
struct Boot {
  pid_t pid = 0;
  std::int64_t began_ns = 0;  // time_of_changes_ns() before it read anything
  std::string executable;     // by the name under which it was found
  Fd channel;                 // the manager's end
  Fd slate;                   // lists its files, once it is ready
  Fd error;                   // its standard error so far
};

// Starts it as a child of ours, in `directory`. If it cannot be executed, it exits with status 127
// or boot_status_shortage. `descriptors`: the programs' limit. `slot`: where its pid is written, or
// null.
Result<Boot> boot(const Recipe& recipe, const std::string& directory, const rlimit& descriptors,
                  ZygoteTable::Slot* slot);

// The paths in a slate, each once; none if the slate is larger than 4 MiB.
std::vector<std::string> files_of(int slate);

// The most telling line of the standard error in a memfd: the first, but the last of a Python
// traceback. Empty if there is none.
std::string telling_line(int memory_file);

}  // namespace cgisrv::warm
