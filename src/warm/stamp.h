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

}  // namespace cgisrv::warm
