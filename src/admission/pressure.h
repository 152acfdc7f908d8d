// Admits fewer programs while the machine is short of memory, processors or disk, as the kernel's
// pressure stall information tells it: /proc/pressure, Linux's Documentation/accounting/psi.rst.
#pragma once

#include <cgisrv/loop.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "admission/arbiter.h"
#include "admission/table.h"

namespace cgisrv::admission {

// The share of the last ten seconds in which some process had to wait for it, in percent, past
// which the machine counts as short of it; 0: it is not looked at.
struct PressureLimits {
  unsigned memory = 0;
  unsigned cpu = 0;
  unsigned io = 0;

  bool any() const { return memory != 0 || cpu != 0 || io != 0; }
};

// 12.34 of "some avg10=12.34 avg60=... total=...\nfull ..."; nothing when that is no such text.
std::optional<double> read_pressure(std::string_view text);

// How many programs may run. Pure: a step is one look at the machine.
//
//   free --short--> restrained --short: by a quarter fewer--> restrained
//    ^                  |
//    +-- as many as may be --not short: by a quarter more--+
class Restraint {
 public:
  // Never fewer than `least`, nor more than `most`, which wins.
  Restraint(unsigned least, unsigned most) : least_(std::min(least, most)), most_(most) {}

  // `running`: how many run now. Returns how many may; 0: as many as ever.
  unsigned step(bool is_short, unsigned running);
  unsigned allowed() const { return allowed_; }

 private:
  unsigned least_;
  unsigned most_;
  unsigned allowed_ = 0;
};

// Looks every two seconds, for that is how often the kernel counts.
class Pressure {
 public:
  static constexpr std::chrono::milliseconds interval{2000};

  // Tells the log when what `limits` ask for cannot be read, and goes on with the others.
  Pressure(Loop& loop, const PressureLimits& limits, const Restraint& restraint, Table& table,
           Arbiter& arbiter, std::string folder = "/proc/pressure");

  void look(std::uint32_t);

 private:
  struct Resource {
    std::string_view name;
    unsigned limit;  // 0: not looked at
  };
  // What is short, in words; empty: nothing.
  std::string shortage() const;
  std::optional<double> pressure_of(const Resource& resource) const;

  std::array<Resource, 3> resources_;
  Restraint restraint_;
  Table& table_;
  Arbiter& arbiter_;
  std::string folder_;
  Timer timer_;
};

}  // namespace cgisrv::admission
