// What a routed path leads to: a program to run, a file to send, a redirect, or an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/peer.h"
#include "base/tree.h"
#include "cgi/script.h"
#include "config/forward.h"
#include "http/target.h"

namespace cgisrv::site {

struct Step;  // site/trace.h
using Trace = std::vector<Step>;

struct Located {
  enum class Kind { program, file, listing, slash, redirect, error };
  Kind kind = Kind::error;
  const config::Location* location = nullptr;  // never null on return
  cgi::Script script;                          // program
  std::string file;                            // file, listing: absolute path
  std::string_view tree;  // file, listing: the directory that holds it, see Tree
  Seen seen;              // of the file, the folder or the program in place
  // slash: the path, encoded, with its trailing slash. redirect: what `to` has become, encoded.
  std::string redirect;
  // Of `try`: the query of the path that was tried, encoded. It goes before the request's own.
  std::string query;
  std::string index;         // of a directory: the path of the index that answers for it
  std::string tried;         // of `try`: the other path that answers
  bool is_named = false;     // program: by a web server, so the location's rules hold for it too
  int status = 404;          // error, redirect
  std::string problem;       // error: one sentence, escaped for the log
  bool is_kept_out = false;  // error: by a rule of access
};

// Looks at a file for locate(), in the place of Tree::look(), where answers are compressed: it may
// look at what stands beside the file, too. What it says of the file must be as true.
class Look {
 public:
  virtual int look(const config::Location& location, const Tree& tree, const std::string& file,
                   Seen& seen) = 0;

 protected:
  ~Look() = default;
};

// The one place that decides who may have what, for every path that leads to a file, a folder or a
// program, an index and the target of a local redirect among them: once the location is known and
// before anything is looked up, then again for the file that was found (site/access_rules.h).
// A refused `visitor` is answered 403.
//
// Looks at the file system once. A directory without its trailing slash, or a location of programs
// or `files` without its own, is redirected to it. With it, the first existing file of the
// location's index answers (an index that a program location matches is run, with SCRIPT_NAME
// naming it); else the listing, if the site lists, and lists programs where it holds those, else
// 404. Dotfiles, and paths through one, are 404, except "/.well-known/" (RFC 8615). Special files
// (devices, pipes, sockets) are 403. A file in a place where programs are run (cgi-bin/, *.cgi)
// that is not executable is 403, never sent as text. A program's source is never sent, not through
// a link or another site that has the file either, except where a location says cgi = false. What
// is denied is 403 or 404, also as an index; an ending that is denied is so below every prefix.
// `try` answers with the first of its steps that is there. A regular expression that gives up is
// 500. `site` is one of `config`. `trace`, if any, is told of every step, and `look`, if any,
// asked.
Located locate(const config::Config& config, const config::Site& site, const http::Path& path,
               const access::Peer& visitor, Trace* trace = nullptr, Look* look = nullptr);

// The path by which the located file itself was found: that of an index, or what `try` has found.
http::Path own_path(const http::Path& path, const Located& located);

// Whether a path is denied; for listings. Asks no file system.
bool is_denied(const config::Site& site, const std::string& path);

}  // namespace cgisrv::site
