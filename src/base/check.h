// Always-on assertion: a failed check is a bug in cgisrv, so it prints where and aborts.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace cgisrv {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "cgisrv: bug: check failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace cgisrv

#define CGISRV_CHECK(condition)                                               \
  do {                                                                        \
    if (!(condition)) ::cgisrv::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
