// Finds the program that a path names, RFC 3875 section 3.2 and 4.1.5: script and PATH_INFO.
#pragma once

#include <string>

#include "base/tree.h"
#include "cgi/script.h"
#include "http/target.h"

namespace cgisrv::cgi {

// unavailable: a resource needed to find out is exhausted for now.
enum class Found { program, missing, forbidden, unavailable, directory };

struct Resolution {
  Found found = Found::missing;
  Script script;        // program: complete except for root and interpreter
  std::string problem;  // for all others: one sentence with the remedy, escaped for the log
};

// Walks `path` from `directory` (absolute, no trailing slash), which stands for the first `prefix`
// bytes of path.text, until a segment names a regular file: that is the script, the rest PATH_INFO.
// Segments that begin with a dot, and those beyond path.plain, name nothing. `tree` holds the
// directory, and decides what links may do. `needs_execute`: the file must be executable by us,
// else the result is forbidden, with the reason (an interpreter only needs a readable file).
// directory: the path ends at a directory.
Resolution resolve_script(const std::string& directory, const http::Path& path, std::size_t prefix,
                          bool needs_execute, const Tree& tree = {});

// One program for everything below a prefix: SCRIPT_NAME is the prefix without its last slash. If
// the administrator named the file, links are followed; else `tree` holds it. `needs_execute`: as
// for resolve_script().
Resolution single_program(const std::string& file, const http::Path& path, std::size_t prefix,
                          bool needs_execute = true, const Tree& tree = {});

}  // namespace cgisrv::cgi
