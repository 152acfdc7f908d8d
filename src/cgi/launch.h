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
#include "process/pid_table.h"
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
  rlimit descriptors;                   // used where the options set none
  process::Cgroups* cgroups = nullptr;  // null: the program is not confined
};

// The setrlimit(2) values for the program. `descriptors`: used where the options set none.
std::vector<process::ResourceLimit> limits_of(const ResourceLimits& limits,
                                              const rlimit& descriptors);

// The folder of the script, which is its working directory.
std::string folder_of(const Script& script);

// The program's working directory is the script's folder. The caller keeps the three descriptors.
std::expected<process::Child, process::SpawnFailure> launch(const Launch& launch,
                                                            process::PidTable& pid_table);

}  // namespace cgisrv::cgi
