// A zygote manager of our own, to try out a program's warm start.
#pragma once

#include <cgisrv/fd.h>
#include <sys/resource.h>

#include <expected>
#include <string>

#include "config/forward.h"
#include "warm/manager_message.h"

namespace cgisrv::exec {

class ZygoteManagerProcess {
 public:
  // Forked here, before there is a loop. `config` outlives it; `descriptors`: the programs' limit.
  ZygoteManagerProcess(const config::Config& config, const rlimit& descriptors);
  // Lets it end its zygotes, and waits for it, but not for ever. If we die, it ends by itself.
  ~ZygoteManagerProcess();

  // The workers' end of the channel to it.
  int channel() const { return channel_.get(); }
  // Returns when there is a zygote. The error is why there is none, in the words of the log.
  std::expected<void, std::string> boot(const warm::ZygoteKey& key);
  // Its last warning for the log since it was asked; empty: none.
  std::string complaint();

 private:
  [[noreturn]] void become_zygote_manager(const config::Config& config, const rlimit& descriptors,
                                          Fd channel, Fd line) const;

  Fd channel_;
  Fd line_;  // its warnings come here; closing it ends the process
  Fd pidfd_;
  pid_t pid_ = 0;
};

}  // namespace cgisrv::exec
