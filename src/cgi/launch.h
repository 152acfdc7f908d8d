// From a script and its environment to a running process.
#pragma once

#include <cgisrv/fd.h>

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "cgi/environment.h"
#include "cgi/options.h"
#include "cgi/script.h"
#include "process/roster.h"
#include "process/spawn.h"

namespace cgisrv::cgi {

struct Pipe {
  Fd ours;    // non-blocking
  Fd theirs;  // blocking, as programs expect
};

// Nothing, with errno set, when there is no descriptor left.
std::optional<Pipe> open_pipe(bool we_write);

struct Launch {
  const Script& script;
  const Options& options;
  Environment& environment;
  int stdin_fd;  // -1: nothing to read
  int stdout_fd;
  int stderr_fd;
  rlimit descriptors;                   // where the options do not say
  process::Cgroups* cgroups = nullptr;  // none: it is not confined
};

// What setrlimit(2) is to set for the program. `descriptors`: where the options do not say.
std::vector<process::ResourceLimit> limits_of(const ResourceLimits& limits,
                                              const rlimit& descriptors);

// The folder that the script is in, which is its working directory.
std::string folder_of(const Script& script);

// The program's working directory is the script's. The three descriptors stay the caller's.
std::expected<process::Child, process::SpawnFailure> launch(const Launch& launch,
                                                            process::Roster& roster);

}  // namespace cgisrv::cgi
