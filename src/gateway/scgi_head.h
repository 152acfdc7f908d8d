// The head of a request in SCGI: a netstring of names and values, each with a NUL behind it. Pure.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "gateway/params.h"

namespace cgisrv::gateway {

struct ScgiHead {
  enum class State { incomplete, complete, too_large, malformed };
  State state = State::incomplete;
  std::size_t consumed = 0;   // complete: bytes of the head, after which the body begins
  std::vector<Param> params;  // complete: views into the bytes
  std::string_view problem;   // malformed: a clause that follows "has sent"; static storage
};

// `bytes`: all that has come, from the first byte on. `params_bytes_max`: of names and values.
ScgiHead read_scgi_head(std::string_view bytes, std::size_t params_bytes_max);

}  // namespace cgisrv::gateway
