// Which file a path names: one below the site's root, or one below the `files` of a location; and
// the way back. Pure.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "config/site.h"
#include "site/router.h"

namespace cgisrv::site {

// The directory in which a path names a file. Refers to the configuration.
struct Mapping {
  std::string_view tree;  // absolute, no slash at its end; holds the file, see Tree
  // So many bytes of the path stand for the tree: what follows, from a slash on, is below it.
  std::size_t prefix = 0;
  std::string name;  // of an exact path or a regular expression: the whole file; else empty

  // `path`: at least `prefix` bytes of the one that was routed.
  std::string file(std::string_view path) const {
    return name.empty() ? std::string(tree).append(path.substr(prefix)) : name;
  }
};

Mapping find_mapping(const Route& route);

// Whether the request has chosen the file's name, and chosen one that is not served.
bool is_unsafe(const Route& route, const Mapping& mapping);

// What stands for a name in a replacement of the location that answers: a group of its regular
// expression, or for "path" what follows its prefix.
std::string value_of(const Route& route, std::string_view path, std::string_view name);

// Whether what a request had its part in is a path that a request itself could name: without empty
// segments, and without such as begin with a dot.
bool is_safe(std::string_view path);

// Whether an absolute path is in a directory (without trailing slash), or is the directory.
bool is_below(std::string_view file, std::string_view directory);

// A directory of programs, and nothing for other kinds.
inline std::string_view directory_of(const config::Location& location, std::string_view path) {
  return location.program == config::ProgramKind::directory ? path : std::string_view();
}

// Calls `visit` with each decoded path by which `file`, absolute, may be asked for, until that
// returns true; returns whether it did. `root` is the site's, in the form that `file` has. `but`: a
// path that need not be visited; empty: none.
template <typename Visit>
bool any_path_to(const config::Site& site, std::string_view root, const std::string& file,
                 Visit visit, std::string_view but = {}) {
  const bool is_visited = !but.empty() && std::string_view(file).ends_with(but) &&
                          file.size() == root.size() + but.size();
  if (is_below(file, root) && !is_visited && visit(file.substr(root.size()))) return true;
  for (const config::Location& location : site.locations) {
    if (location.match.kind == config::MatchKind::regex) continue;  // its text is no path
    if (location.files.empty() && location.program != config::ProgramKind::directory) continue;
    std::string_view match = location.match.text;
    if (match.ends_with('/')) match.remove_suffix(1);
    for (const std::string_view files : std::initializer_list<std::string_view>{
             location.files, location.real_files, directory_of(location, location.path),
             directory_of(location, location.real_path)})
      if (is_below(file, files) && visit(std::string(match).append(file, files.size())))
        return true;
  }
  return false;
}

}  // namespace cgisrv::site
