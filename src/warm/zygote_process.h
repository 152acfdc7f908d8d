// One zygote, as its manager sees it.
#pragma once

#include <cgisrv/loop.h>
#include <sys/resource.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/packet.h"
#include "warm/boot.h"
#include "warm/zygote_manager.h"

namespace cgisrv::warm {

// Resource limits, by their numbers.
using AllLimits = std::array<rlimit, RLIM_NLIMITS>;

class ZygoteManager::ZygoteProcess {
 public:
  // `on_status` is called when the zygote reports that it is ready, or why it cannot be one.
  ZygoteProcess(Loop& loop, Boot boot, Options options, Stamp script, std::uint64_t generation,
                Callback on_status);

  pid_t pid() const { return boot_.pid; }
  // The workers' end of its control socket, once it is ready.
  int control() const { return control_.get(); }
  std::uint64_t generation() const { return generation_; }
  const Stamp& script() const { return script_; }
  std::int64_t began_ns() const { return boot_.began_ns; }

  enum class BootStatus { none, ready, refused, wrong, unseen };
  // Reads its last messages, where it has ended before they were read.
  void hear_out() { listen(0); }
  // Its report. Once it is ready, its files are known. It is killed if its report is invalid, or if
  // it could not be checked.
  BootStatus boot_status() const { return boot_status_; }
  const std::string& reason() const { return reason_; }
  bool is_overdue() const { return overdue_; }
  // A line of its standard error that may say why it died.
  std::string complaint() const { return telling_line(boot_.error.get()); }

  void used(std::uint64_t requests, std::uint64_t processor_us);
  // Processor time of its boot, and the average of a request; nothing before some requests have
  // ended.
  struct Gain {
    std::uint64_t once_us, each_us;
  };
  std::optional<Gain> gain() const;
  TimePoint last_use() const { return last_use_; }
  bool is_idle() const;
  std::optional<bool> is_too_large() const;  // nothing: ask again later
  // The files that it loaded.
  std::vector<std::string> paths() const;
  // Whether it may have loaded a file just as that was changed.
  bool is_doubtful() const { return doubtful_; }
  // Why it must be replaced; empty: it need not be. `settling`: for how long doubt is no reason.
  std::string_view fault(Clock::duration settling) const;
  std::string suspicion;  // a worker's complaint
  TimePoint began() const { return began_; }

 private:
  void kill() const;
  void listen(std::uint32_t);
  BootStatus understand(Packet packet, bool is_reaped);
  void end();
  bool take_stamps();
  bool has_changed() const;
  bool has_lowered_limits() const;

  Loop& loop_;
  Boot boot_;
  Fd control_;
  Options options_;
  Stamp script_;  // before it was booted
  std::uint64_t generation_;
  Callback on_status_;
  Watch watch_;
  Timer timeout_;
  BootStatus boot_status_ = BootStatus::none;
  bool overdue_ = false;
  std::string reason_;
  std::vector<std::pair<std::string, Stamp>> files_;
  AllLimits limits_{};  // when it was ready
  bool doubtful_ = false;
  TimePoint began_;
  TimePoint last_use_;
  std::uint64_t requests_ = 0;
  std::uint64_t boot_us_ = 0;
  std::uint64_t processor_us_ = 0;  // of all requests
};

}  // namespace cgisrv::warm
