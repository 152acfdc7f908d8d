// For the targets that begin with a request's head.
#pragma once

#include <string_view>

#include "http/head.h"

namespace cgisrv::fuzz {

inline http::HeadStatus parse(std::string_view bytes, http::Request& request,
                              const http::HeadLimits& limits = {}) {
  std::size_t scanned = 0;
  return http::parse_head(bytes, scanned, limits, request);
}

}  // namespace cgisrv::fuzz
