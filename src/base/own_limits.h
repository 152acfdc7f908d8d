// This process's intended resource limits (prlimit(2)). Any process of the same user may lower
// them, even a program that the server runs. A worker that can open nothing, or write no log, would
// still turn its loop.
#pragma once

#include <sys/resource.h>

#include <array>

namespace cgisrv {

class OwnLimits {
 public:
  // Remembers the present limits.
  OwnLimits();

  // Restores lowered limits, and logs it. False: one cannot be restored, since its hard limit was
  // lowered as well; this process should be replaced.
  bool restore();

 private:
  struct Limit {
    __rlimit_resource_t resource;
    const char* name;
    rlimit meant{};
  };
  // Those that make this process useless, and those that the programs it starts inherit.
  std::array<Limit, 11> limits_{{{RLIMIT_NOFILE, "nofile"},
                                 {RLIMIT_FSIZE, "fsize"},
                                 {RLIMIT_NPROC, "nproc"},
                                 {RLIMIT_AS, "as"},
                                 {RLIMIT_DATA, "data"},
                                 {RLIMIT_STACK, "stack"},
                                 {RLIMIT_CPU, "cpu"},
                                 {RLIMIT_CORE, "core"},
                                 {RLIMIT_MEMLOCK, "memlock"},
                                 {RLIMIT_SIGPENDING, "sigpending"},
                                 {RLIMIT_MSGQUEUE, "msgqueue"}}};
};

}  // namespace cgisrv
