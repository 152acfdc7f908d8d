// What ends a process at once.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cgisrv {

// Always-on assertion: a failed check is a bug in cgisrv, so it prints where and aborts.
[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "cgisrv: bug: check failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

// What a process cannot begin without is not to be had: no bug, and perhaps better later. Exits
// with EX_OSERR (sysexits.h); whoever supervises it tries again.
[[noreturn]] inline void cannot_begin(const char* what) {
  std::fprintf(stderr, "cgisrv: cannot begin: %s: %s\n", what, std::strerror(errno));
  std::exit(71);
}

}  // namespace cgisrv

#define CGISRV_CHECK(condition)                                               \
  do {                                                                        \
    if (!(condition)) ::cgisrv::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
