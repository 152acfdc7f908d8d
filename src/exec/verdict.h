// Good or bad, and why, in one sentence.
#pragma once

#include <chrono>
#include <string>

#include "exec/record.h"
#include "exec/response.h"

namespace cgisrv::exec {

struct Verdict {
  bool good = false;
  std::string reason;  // "200, 124 bytes in 12 ms", or that of the server's log
};

// Good: a program answered, the response is whole with a status below 500, and all programs that
// ran for it exited with status 0.
Verdict judge(const Record& record, const Response& response, std::chrono::microseconds took);

// "12 ms", "0.4 ms", "1.25 s".
std::string duration_text(std::chrono::microseconds duration);

}  // namespace cgisrv::exec
