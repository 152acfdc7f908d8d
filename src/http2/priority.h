// Which response is to go first, RFC 9218. Pure.
#pragma once

#include <string_view>

namespace cgisrv::http2 {

struct Priority {
  unsigned urgency = 3;         // 0 goes first, 7 last
  bool is_incremental = false;  // takes turns with others of that urgency
};

// Of a field Priority: "u=1, i". What it does not understand stays as it is by default.
Priority parse_priority(std::string_view field);

}  // namespace cgisrv::http2
