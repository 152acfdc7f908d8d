// A web server that speaks another protocol than its listener is meant for.
#pragma once

#include <cgisrv/loop.h>

#include <string>
#include <string_view>

#include "config/config.h"

namespace cgisrv::gateway {

// That of the first bytes of a connection, as far as they tell; empty: unknown. Pure.
std::string_view protocol_of(std::string_view first);

// One sentence, with the remedy; empty: the bytes are of no other protocol that is known. Pure.
std::string why_not_understood(std::string_view first, config::Protocol meant,
                               std::string_view address);

// Lines of which each connection could cause one: a process logs one in a while, with the number of
// those that it has left out.
class RareLines {
 public:
  static constexpr config::Duration interval{10'000};

  // Empty: it is left out.
  std::string pass(TimePoint now, std::string_view line);

 private:
  TimePoint next_{};
  unsigned left_out_ = 0;
};

}  // namespace cgisrv::gateway
