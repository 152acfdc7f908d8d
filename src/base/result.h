// Expected failure: a value or an Error with its context. Bugs are not errors; see check.h.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <expected>
#include <string>
#include <system_error>
#include <utility>

namespace cgisrv {

struct Error {
  int code = 0;      // an errno value, or 0 when there is none
  std::string what;  // one sentence for the user: what failed and, where known, what to do
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::string errno_text(int code) {
  return std::generic_category().message(code);
}

// A failure that callers tell from others by its code.
template <typename... Args>
std::unexpected<Error> fail_as(int code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

// A failure that we detected: fail("no site is named {}", name).
template <typename... Args>
std::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return fail_as(0, format, std::forward<Args>(args)...);
}

// Failure of a system call: appends the meaning of `code` to the text.
template <typename... Args>
std::unexpected<Error> fail_errno(int code, fmt::format_string<Args...> format, Args&&... args) {
  return fail_as(code, "{}: {}", fmt::format(format, std::forward<Args>(args)...),
                 errno_text(code));
}

}  // namespace cgisrv
