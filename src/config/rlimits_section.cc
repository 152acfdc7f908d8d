#include "config/rlimits_section.h"

#include "config/ranges.h"

namespace cgisrv::config {

// clang-format off
const SectionOf<ResourceLimits>& rlimits_section() {
  static const SectionOf<ResourceLimits> section{
      "[cgi.rlimits]",
      "The resource limits of programs, setrlimit(2). Mostly written as `rlimits = { cpu = "
      "\"60s\", as = \"1g\" }`.", {
      {"cpu", &ResourceLimits::cpu_seconds,
       whole_seconds({second, 365 * day}, unlimited), unset("inherited"),
       "Processor time, in whole seconds (`RLIMIT_CPU`)."},
      {"as", &ResourceLimits::address_space,
       size({mib, any_size.max}, unlimited), unset("inherited"),
       "Address space of each process (`RLIMIT_AS`)."},
      {"nofile", &ResourceLimits::open_files,
       integer({3, any_count.max}, "descriptors", unlimited), unset("inherited"),
       "Open descriptors of each process (`RLIMIT_NOFILE`)."},
      {"nproc", &ResourceLimits::processes,
       integer(any_count, "processes", unlimited), unset("inherited"),
       "Processes of the user, counted over the whole machine (`RLIMIT_NPROC`)."},
      {"fsize", &ResourceLimits::file_size, size(any_size, unlimited), unset("inherited"),
       "Size of a file that is written (`RLIMIT_FSIZE`)."},
      {"core", &ResourceLimits::core, size(any_size, unlimited), unset("inherited"),
       "Size of a core dump (`RLIMIT_CORE`)."},
  }};
  return section;
}
// clang-format on

}  // namespace cgisrv::config
