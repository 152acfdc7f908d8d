// A request as a zygote reads it: warm/wire.h.
#pragma once

#include <cgisrv/fd.h>

#include <string>

#include "warm/zygotes.h"

namespace cgisrv::warm {

// Where its process is to answer, and what decides whether there is to be one.
struct Channel {
  std::uint64_t id;
  int reply;
  int claim;
};

// False: the zygote does not read as fast as it is asked, or is gone, or there is no memory or
// descriptor for what goes along.
bool send_request(int control, const Order& order, const Channel& channel);

}  // namespace cgisrv::warm
