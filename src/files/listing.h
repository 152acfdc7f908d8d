// What a directory holds, for its listing.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/tree.h"

namespace cgisrv::files {

struct Entry {
  std::string name;
  bool directory = false;
  std::uint64_t bytes = 0;
  std::time_t modified = 0;
};

inline constexpr std::size_t entries_max = 10'000;

// Entries that would be served: no dotfiles, only regular files and directories, links to them
// where the tree follows links. Directories first, then by name. `more` is set when there were over
// entries_max.
Result<std::vector<Entry>> list_directory(const Tree& tree, const std::string& directory,
                                          bool& more);

}  // namespace cgisrv::files
