// For the targets that begin with a request's head.
#pragma once

#include <string_view>

#include "http1/head.h"

namespace cgisrv::fuzz {

inline http1::HeadStatus parse(std::string_view bytes, http::Request& request,
                               const http1::HeadLimits& limits = {}) {
  std::size_t scanned = 0;
  return http1::parse_head(bytes, scanned, limits, request);
}

}  // namespace cgisrv::fuzz
