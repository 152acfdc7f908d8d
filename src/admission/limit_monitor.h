// The master's part of max_running = "auto": looks at what programs do, and adapts how many of each
// may run. Looks only while something waits, or while more run than an unknown program may.
#pragma once

#include <cgisrv/loop.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string_view>

#include "admission/admission_scheduler.h"
#include "admission/auto_limit.h"
#include "admission/messages.h"
#include "admission/table.h"

namespace cgisrv::admission {

// The 3 of "0.20 0.18 0.12 3/80 11206": threads of the whole machine that compute or wait for a
// processor. Nothing for any other text. proc_loadavg(5).
std::optional<unsigned> read_runnable(std::string_view text);

class LimitMonitor {
 public:
  // Of one program in one step, and of all.
  static constexpr unsigned samples_max = 16;
  static constexpr unsigned all_samples_max = 128;

  // What the kernel tells; a test tells something else.
  struct Kernel {
    std::function<std::optional<bool>(pid_t)> wants_processor;
    std::function<std::optional<unsigned>()> runnable;
  };
  static Kernel real_kernel();

  LimitMonitor(Loop& loop, Table& table, AdmissionScheduler& scheduler,
               Kernel kernel = real_kernel());

  // A message that a worker has sent to the scheduler, after that has had it.
  void on_message(const Message& message);
  // One step; returns whether there is anything left to watch.
  bool step();

 private:
  struct Watched {
    std::uint32_t id;  // the row may get another program
    unsigned most;
    AutoLimit limit;
    std::uint64_t ended, computed_us, lasted_us, refused;  // at the last step
  };

  void watch(std::uint32_t program, unsigned most);
  void due();
  void see(ProgramRow& row, Watched& watched, double load, unsigned samples) const;
  std::optional<double> active_share(const ProgramRow& row, unsigned samples) const;
  void publish(ProgramRow& row, const AutoLimit& limit) const;
  void forget_who_rests();

  Table& table_;
  AdmissionScheduler& scheduler_;
  Kernel kernel_;
  std::map<std::uint32_t, Watched> watched_;  // by row
  Timer timer_;
  std::minstd_rand random_{1};
};

}  // namespace cgisrv::admission
