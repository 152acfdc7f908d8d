// A directory's entries, for its listing.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/tree.h"

namespace cgisrv::files {

struct ListingEntry {
  std::string name;
  bool directory = false;
  bool executable = false;  // by anybody; of a file
  bool program = false;     // run, not sent: set by the caller, who knows the locations
  std::uint64_t bytes = 0;
  std::time_t modified = 0;
};

inline constexpr std::size_t entries_max = 10'000;

// Entries that would be served: no dotfiles, only regular files and directories, and links to them
// if the tree follows them. In no order. `more`: there were over entries_max.
Result<std::vector<ListingEntry>> list_directory(const Tree& tree, const std::string& directory,
                                                 bool& more);

}  // namespace cgisrv::files
