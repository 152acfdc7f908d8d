// A descriptor that a process shares with all that it forks, and may replace for all of them at
// once. They need no message, and need not be able to open it themselves.
//
//   replace():  the new descriptor is sent into a socketpair and stays there; then the serial
//               number in shared memory grows
//   renew():    reads that number; if it has grown, MSG_PEEK takes a copy of the descriptor
//               and leaves it to the others (unix(7), recv(2))
//
// Operations that begin after replace() has returned, in any process, use the new one.
#pragma once

#include <cgisrv/fd.h>
#include <cgisrv/parent_only.h>

#include <atomic>
#include <cstdint>

#include "base/result.h"
#include "base/shared.h"

namespace cgisrv {

class BroadcastFd {
 public:
  // Fails where the kernel is short of descriptors: a reload must be able to go back then.
  static Result<BroadcastFd> make(Fd first);

  // Whether get() has changed. Costs no call if not.
  bool renew();
  int get() const { return fd_.get(); }

  // For the process that made it; its children only follow. Fails, without effect, when the kernel
  // is short of memory.
  Result<void> replace(Fd next);

 private:
  BroadcastFd(Fd first, Fd receiving, Fd sending);

  Fd fd_;
  std::uint64_t serial_ = 0;
  Shared<std::atomic<std::uint64_t>> newest_;
  Fd receiving_;
  ParentOnly<Fd> sending_;
};

}  // namespace cgisrv
