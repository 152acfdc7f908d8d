// Environment variables meant for this process alone.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace cgisrv {

// Returns its value, or an empty text, and removes it, so that no program sees it.
inline std::string take_variable(const char* name) {
  const char* const value = std::getenv(name);
  std::string text = value != nullptr ? value : "";
  ::unsetenv(name);
  return text;
}

}  // namespace cgisrv
