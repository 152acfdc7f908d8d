#include "process/affinity.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "process/cgroup.h"

namespace cgisrv::process {

namespace {

cpu_set_t all;  // from the start of this process
bool chosen = false;

// The number of the n-th processor in the set.
int nth(const cpu_set_t& set, unsigned n) {
  int processor = -1;
  for (unsigned seen = 0; seen <= n; ++processor)
    if (CPU_ISSET(processor + 1, &set)) ++seen;
  return processor;
}

}  // namespace

void stay_on_one_processor(unsigned index, unsigned workers) {
  // Fails if the kernel has more processors than the set has room for: then no processor is chosen.
  if (::sched_getaffinity(0, sizeof all, &all) != 0) return;
  const auto processors = static_cast<unsigned>(CPU_COUNT(&all));
  if (processors < 2 || workers < processors) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(nth(all, index % processors), &one);
  chosen = ::sched_setaffinity(0, sizeof one, &one) == 0;
}

void allow_all_processors() {
  if (chosen) ::sched_setaffinity(0, sizeof all, &all);
}

unsigned usable_processors() {
  cpu_set_t usable;
  const bool known = ::sched_getaffinity(0, sizeof usable, &usable) == 0;
  const double all_of_them = known ? CPU_COUNT(&usable) : 1;
  // "max 100000", or "150000 100000": of so many microseconds of each period.
  std::ifstream file(own_cgroup() + "/cpu.max");
  double quota = 0;
  double period = 0;
  const bool is_bounded = file >> quota >> period && quota > 0 && period > 0;
  const double most = is_bounded ? std::ceil(quota / period) : all_of_them;
  return static_cast<unsigned>(std::max(1.0, std::min(all_of_them, most)));
}

}  // namespace cgisrv::process
