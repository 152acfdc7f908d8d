// Admits fewer programs while the machine is short of memory, processors or disk, by the kernel's
// pressure stall information: /proc/pressure, Linux's Documentation/accounting/psi.rst.
#pragma once

#include <cgisrv/loop.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "admission/admission_scheduler.h"
#include "admission/pressure_limits.h"
#include "admission/table.h"

namespace cgisrv::admission {

// How many programs may run. Pure: each check of the machine is one step.
//
//   free --short--> restrained --short: by a quarter fewer--> restrained
//    ^                  |
//    +-- as many as may be --not short: by a quarter more--+
class AdaptiveLimit {
 public:
  // Never fewer than `least`, nor more than `most`, which wins.
  AdaptiveLimit(unsigned least, unsigned most) : least_(std::min(least, most)), most_(most) {}

  // `running`: how many run now. Returns how many may; 0: no restraint.
  unsigned step(bool is_short, unsigned running);
  unsigned allowed() const { return allowed_; }

 private:
  unsigned least_;
  unsigned most_;
  unsigned allowed_ = 0;
};

// Checks every two seconds, the interval at which the kernel updates its figures.
class PsiMonitor {
 public:
  static constexpr std::chrono::milliseconds interval{2000};

  // Logs which of `limits` cannot be monitored, and goes on with the others.
  PsiMonitor(Loop& loop, const PressureLimits& limits, const AdaptiveLimit& adaptive_limit,
             Table& table, AdmissionScheduler& scheduler, std::string folder = "/proc/pressure");

  void poll();

 private:
  struct Resource {
    std::string_view name;
    unsigned limit;  // 0: not monitored
  };
  // What is short, in words; empty: nothing.
  std::string shortage() const;
  // In percent; nothing if it cannot be read.
  std::optional<double> pressure_of(const Resource& resource) const;

  std::array<Resource, 3> resources_;
  AdaptiveLimit adaptive_limit_;
  Table& table_;
  AdmissionScheduler& scheduler_;
  std::string folder_;
  Timer timer_;
};

}  // namespace cgisrv::admission
