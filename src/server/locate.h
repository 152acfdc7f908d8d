// What a routed path comes down to: a program to run, a file to send, a redirect, or an error.
#pragma once

#include <string>
#include <string_view>

#include "cgi/script.h"
#include "http/target.h"
#include "server/config.h"

namespace cgisrv::server {

struct Located {
  enum class Kind { program, file, listing, redirect, error };
  Kind kind = Kind::error;
  const Location* location = nullptr;  // never null on return
  cgi::Script script;                  // program
  std::string file;                    // file, listing: absolute path
  std::string redirect;                // redirect: the encoded path, with its slash at the end
  int status = 404;                    // error
  std::string problem;                 // error: one sentence, escaped for the log
};

// Looks at the file system once. A directory without its slash, or a location of programs without
// its own, is redirected to it; with it, the first of site.index that is there answers (an index
// that a program location matches is run, with SCRIPT_NAME naming it); else its listing, where the
// site lists, and of programs, where it lists those, else 404. Dotfiles, and anything whose path
// goes through one, are 404, but for "/.well-known/" (RFC 8615). Special files (devices, pipes,
// sockets) are 403. A file in a place where programs are run (cgi-bin/, *.cgi) that is not
// executable is 403, never sent as text. The source of a program is never sent, not by a link to it
// either.
Located locate(const Site& site, const http::Path& path);

}  // namespace cgisrv::server
