// A directory whose inside is served, and what the symbolic links in it may do: openat2(2).
#pragma once

#include <cgisrv/fd.h>
#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cgisrv {

enum class Links : std::uint8_t {
  follow,  // wherever they lead
  owner,   // where their owner owns what they lead to
  never,
};

// Links in `root` itself are its administrator's, and followed. Under `owner` and `never` what is
// returned is what was checked, whatever happens to the path meanwhile; a link that may not be
// followed is ELOOP, a kernel older than 5.6 ENOSYS. `owner` needs /proc to open for reading.
struct Tree {
  std::string_view root;  // absolute, no slash at its end; outlives the tree
  Links links = Links::follow;

  // `path`: absolute, `root` or below it, without dot segments. Close-on-exec is added to `flags`.
  Result<Fd> open(const std::string& path, int flags) const;
  // stat(2) under the same rules; 0 or an errno value.
  int examine(const std::string& path, struct stat& status) const;

  // Where the file itself is, for calls that take a name: `name` in `directory` is no link.
  struct Place {
    Fd directory;  // O_PATH
    std::string name;
  };
  Result<Place> place(const std::string& path) const;
};

}  // namespace cgisrv
