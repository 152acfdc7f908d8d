// A directory whose contents are served, and what symbolic links in it may do: openat2(2).
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
  owner,   // if they and their target have the same owner
  never,
};

// What has been found out about the file or folder that has a name, so that nothing is asked twice.
struct Seen {
  struct stat status {};
  Fd fd;                     // of a regular file that has been opened for reading
  bool is_real = false;      // no part of its name is a link
  mutable std::string real;  // its name without links, once real_name() was asked for it
};

// Links in `root` itself are the administrator's, and followed. Under `owner` and `never` the
// result is the file that was checked, whatever happens to the path meanwhile. A forbidden link is
// ELOOP, a kernel older than 5.6 ENOSYS. `owner` needs /proc to open for reading.
struct Tree {
  std::string_view root;  // absolute, no slash at its end; outlives the tree
  Links links = Links::follow;

  // `path`: absolute, `root` or below it, without dot segments. Close-on-exec is added to `flags`.
  Result<Fd> open(const std::string& path, int flags) const;
  // stat(2) under the same rules; 0 or an errno value.
  int examine(const std::string& path, struct stat& status) const;
  // The same, and opens a regular file if no part of its name is a link, which all rules allow:
  // then what was examined is what will be read. That it could not be opened is no error here.
  int look(const std::string& path, Seen& seen) const;
  // Opens it for reading, whatever it is; 0 or an errno value.
  int look_inside(const std::string& path, Seen& seen) const;

  // The file's real location, for calls that take a name: `name` in `directory` is no link.
  struct ResolvedName {
    Fd directory;  // O_PATH
    std::string name;
  };
  Result<ResolvedName> resolve(const std::string& path) const;
};

// Opens and examines it for reading, whatever it is, if no part of its name is a link: then what
// was examined is what will be read, and all trees that have it allow it. 0 or an errno value;
// ELOOP: a part may be one.
int look_at_real(const std::string& path, Seen& seen);

// The path without links; empty, with errno set, if there is no such file or it cannot be reached.
std::string real_path(const std::string& path);
// The same of a name that `seen` tells of; asked once. It may be `path` itself, which outlives it.
const std::string& real_name(const std::string& path, const Seen& seen);

}  // namespace cgisrv
