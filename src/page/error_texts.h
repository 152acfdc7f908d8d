// What an error status means to the person who sees it.
#pragma once

#include <string_view>

namespace cgisrv::page {

struct ErrorText {
  int status;
  std::string_view happened;  // one sentence
  std::string_view remedy;    // what the reader can do about it
};

// Retry-After of a 503, unless its handler or the administrator (queue.retry_after) says when. A
// server by itself does not know better: a place in a queue is free as soon as one run or check
// ends, but who gets it depends on who asks by then. If all waited until a queue should be empty,
// they would all come back at once, to a server that has nothing to do.
inline constexpr std::string_view retry_after_s = "5";

// A status without its own text gets that of its class, 400 or 500.
const ErrorText& error_text(int status);

}  // namespace cgisrv::page
