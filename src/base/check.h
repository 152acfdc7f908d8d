// Checks that end a process at once.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cgisrv {

// Where else to report besides standard error, which may lead nowhere: set by log::use().
inline void (*tell_last_words)(const char* text) = nullptr;

inline void say_last_words(const char* text) {
  std::fprintf(stderr, "cgisrv: %s\n", text);
  if (tell_last_words != nullptr) tell_last_words(text);
}

// Always-on assertion: a failed check is a bug in cgisrv, so it prints the location and aborts.
[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  char text[512];
  std::snprintf(text, sizeof text, "bug: check failed: %s (%s:%d)", condition, file, line);
  say_last_words(text);
  std::abort();
}

// A resource that the process cannot begin without is lacking: no bug, and perhaps better later.
// Exits with EX_OSERR (sysexits.h); the supervisor tries again.
[[noreturn]] inline void cannot_begin(const char* what) {
  char text[512];
  std::snprintf(text, sizeof text, "cannot begin: %s: %s", what, std::strerror(errno));
  say_last_words(text);
  std::exit(71);
}

}  // namespace cgisrv

#define CGISRV_CHECK(condition)                                               \
  do {                                                                        \
    if (!(condition)) ::cgisrv::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
