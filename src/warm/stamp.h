// Tells one version of a file from another: stat(2).
#pragma once

#include <cstdint>
#include <string>

namespace cgisrv::warm {

// Changes whenever the file at a path is edited, replaced, or touched.
struct Stamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
  bool operator==(const Stamp&) const = default;
};

// Follows links. All zero: there is nothing, or we may not look.
Stamp stamp_of(const std::string& path);

// The time that the kernel uses as a file's time of change (ctime): later changes have this or a
// later one, which nobody can set. Nanoseconds, CLOCK_REALTIME_COARSE of clock_gettime(2).
std::int64_t time_of_changes_ns();

// Whether the file at a path was edited, replaced or touched at that time or later, or a link on
// its way redirected. Includes changes up to one tick of the clock (4 ms) before.
bool changed_since(const std::string& path, std::int64_t time_ns);

}  // namespace cgisrv::warm
