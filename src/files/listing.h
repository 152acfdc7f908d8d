// A directory's entries, for its listing.
#pragma once

#include <cgisrv/fd.h>
#include <dirent.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

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

// Names one entry after the other that would be served: no dotfiles, only regular files and
// directories, and links to them if the tree follows them. In no order.
class DirectoryReader {
 public:
  static constexpr std::size_t entries_max = 10'000;

  // `directory` is open as `fd`, and in `tree`, whose rules hold for links in it.
  static Result<DirectoryReader> of(Fd fd, const Tree& tree, const std::string& directory);

  // Looks at the next name, which takes a system call or two; none if it would not be served.
  // False: there are no more, or have been entries_max of them.
  bool read(std::optional<ListingEntry>& entry);
  // It has ended, though there are more.
  bool is_cut() const { return is_cut_; }

 private:
  struct Close {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  DirectoryReader(const Tree& tree, std::string prefix, DIR* open)
      : tree_(tree), prefix_(std::move(prefix)), open_(open) {}

  Tree tree_;
  std::string prefix_;  // of the paths of its entries
  std::unique_ptr<DIR, Close> open_;
  std::size_t entries_ = 0;
  bool is_cut_ = false;
};

}  // namespace cgisrv::files
