// Exit statuses as in sysexits.h, which init systems and scripts know.
#pragma once

#include <cstdio>

#include "base/result.h"

namespace cgisrv::exit_status {

inline constexpr int ok = 0;
inline constexpr int usage = 64;
inline constexpr int no_input = 66;
inline constexpr int unavailable = 69;
inline constexpr int software = 70;
inline constexpr int cannot_create = 73;
inline constexpr int permission = 77;
inline constexpr int configuration = 78;

// Says on standard error why the process ends with that status, and returns it.
inline int complain(const Error& error, int status) {
  std::fprintf(stderr, "cgisrv: %s\n", error.what.c_str());
  return status;
}

}  // namespace cgisrv::exit_status
