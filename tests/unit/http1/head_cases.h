// What the tests of request heads share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "http1/head.h"

namespace cgisrv::http1 {

using State = HeadStatus::State;

inline http::Request request;  // one for all tests, as a connection uses one for all requests

inline HeadStatus parse(std::string_view bytes, const HeadLimits& limits = {}) {
  std::size_t scanned = 0;
  return parse_head(bytes, scanned, limits, request);
}

inline constexpr int accepted = -1;

// What a head is refused with, or `accepted`.
inline int status(std::string_view bytes) {
  const auto result = parse(bytes);
  EXPECT_EQ(result.state == State::refused, !result.reason.empty());
  return result.state == State::refused ? result.status : accepted;
}

// The same for fields, with a request line and Host in front; and for a request line.
inline int fields(std::string_view fields, std::string_view version = "HTTP/1.1") {
  return status(std::string("POST / ").append(version).append("\r\nHost: x\r\n").append(fields) +
                "\r\n\r\n");
}
inline int line(std::string_view line) {
  return status(std::string(line) + "\r\nHost: x\r\n\r\n");
}

}  // namespace cgisrv::http1
