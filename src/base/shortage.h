// Errors that mean a temporary shortage: the same call may succeed later.
#pragma once

#include <cerrno>

namespace cgisrv {

inline bool is_shortage(int code) {
  switch (code) {
    case EAGAIN:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
      return true;
    default:
      return false;
  }
}

// The response status for a failed call of our own.
inline int failure_status(int code) {
  return is_shortage(code) ? 503 : 500;
}

}  // namespace cgisrv
