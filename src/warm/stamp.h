// What tells one version of a file from another: stat(2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cgisrv::warm {

// Changes whenever the file at a path is edited, replaced, or touched.
struct Stamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
  bool operator==(const Stamp&) const = default;
};

// Of what the path leads to. All zero: there is nothing, or it may not be looked at.
Stamp stamp_of(const std::string& path);

// The time as the kernel puts it into a file's time of change: what is changed from now on has this
// or a later one, which nobody can set. Nanoseconds, CLOCK_REALTIME_COARSE of clock_gettime(2).
std::int64_t time_of_changes_ns();

// Whether the file at a path was edited, replaced or touched at that time or later, or a link on
// the way to it made to lead elsewhere. Up to a tick of the clock (4 ms) before it, too.
bool changed_since(const std::string& path, std::int64_t time_ns);

}  // namespace cgisrv::warm
