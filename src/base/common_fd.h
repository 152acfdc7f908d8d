// A descriptor that a process has in common with all that it forks, and that it may replace for all
// of them at once. They need not be told, and what they may open does not matter.
//
//   replace():  the new descriptor is sent into a socketpair and stays there; then the serial
//               number in shared memory grows
//   renew():    a look at that number; where it has grown, MSG_PEEK takes a copy of the descriptor
//               and leaves it to the others (unix(7), recv(2))
//
// What begins after replace() has returned, in whichever process, uses the new one.
#pragma once

#include <cgisrv/fd.h>

#include <atomic>
#include <cstdint>

#include "base/result.h"
#include "base/shared.h"

namespace cgisrv {

class CommonFd {
 public:
  explicit CommonFd(Fd first);

  // Whether get() is another than it was. Costs no call where it is not.
  bool renew();
  int get() const { return fd_.get(); }

  // For the process that made it. Fails, and changes nothing, when the kernel is short of memory.
  Result<void> replace(Fd next);
  // In a child: it only follows from now on.
  void abandon() { sending_.reset(); }

 private:
  Fd fd_;
  std::uint64_t serial_ = 0;
  Shared<std::atomic<std::uint64_t>> newest_;
  Fd receiving_;
  Fd sending_;
};

}  // namespace cgisrv
