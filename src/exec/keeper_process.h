// A keeper of our own, for as long as we try out how a program is started warm.
#pragma once

#include <cgisrv/fd.h>
#include <sys/resource.h>

#include <expected>
#include <string>

#include "server/config.h"
#include "warm/note.h"

namespace cgisrv::exec {

class KeeperProcess {
 public:
  // Forked here, before there is a loop. `config` outlives it; `descriptors`: as programs have it.
  KeeperProcess(const server::Config& config, const rlimit& descriptors);
  // It ends its zygotes, and is waited for; but not for ever. Where we die, it ends by itself.
  ~KeeperProcess();
  KeeperProcess(const KeeperProcess&) = delete;
  KeeperProcess& operator=(const KeeperProcess&) = delete;

  // The workers' end of the channel to it.
  int channel() const { return channel_.get(); }
  // Returns when there is a zygote. The error is why there is none, in the words of the log.
  std::expected<void, std::string> boot(const warm::Subject& subject);
  // The last warning that it had for the log since it was asked; empty: none.
  std::string complaint();

 private:
  [[noreturn]] void become_keeper(const server::Config& config, const rlimit& descriptors,
                                  Fd channel, Fd line) const;

  Fd channel_;
  Fd line_;  // its warnings come here; closed with us: then it ends
  Fd pidfd_;
  pid_t pid_ = 0;
};

}  // namespace cgisrv::exec
