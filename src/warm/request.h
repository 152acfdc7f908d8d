// A request as a zygote reads it: warm/wire.h.
#pragma once

#include <cgisrv/fd.h>

#include "warm/zygotes.h"

namespace cgisrv::warm {

// Where the request's process answers, and what decides whether it may run.
struct Channel {
  std::uint64_t id;
  int reply;
  int claim;
};

// False: the zygote reads too slowly, or is gone, or there is no memory or descriptor for what is
// sent along.
bool send_request(int control, const ForkRequest& request, const Channel& channel);

}  // namespace cgisrv::warm
