// Variables of our own environment that are meant for us alone.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace cgisrv {

// Its value, or an empty text; it is gone then, so that no program sees it.
inline std::string take_variable(const char* name) {
  const char* const value = std::getenv(name);
  std::string text = value != nullptr ? value : "";
  ::unsetenv(name);
  return text;
}

}  // namespace cgisrv
