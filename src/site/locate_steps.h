// The steps of locate(), for its own files.
#pragma once

#include <string>
#include <string_view>

#include "cgi/resolve.h"
#include "site/locate.h"
#include "site/mapping.h"
#include "site/router.h"
#include "site/trace.h"

namespace cgisrv::site {

// A file that was looked at before the path to it was asked for.
struct Known {
  const std::string& name;
  Seen seen;
};

// The requested site, its configuration, and who asks.
struct Within {
  const config::Config& config;
  const config::Site& site;
  const access::Peer& visitor;
  Trace* trace = nullptr;
  bool without_try = false;  // within a `try`: what it leads to is not tried again
  bool is_attempt = false;   // likewise; of what is not there, `try` tells itself
  Known* known = nullptr;    // one file may be known already
  Look* look = nullptr;      // null: Tree::look()

  void note(Step::Kind kind, const config::Location* location, std::string_view text) const {
    if (trace != nullptr) trace->push_back({kind, location, std::string(text)});
  }
};

// ---- locate.cc
Located locate_in(const Within& in, const http::Path& path);

// `problem` quotes the client's request, so it is escaped for the log.
Located refuse(const config::Location& location, int status, std::string_view problem);

// For somebody who is not let in.
Located keep_out(const config::Location& location, std::string refusal);

// Whether a segment begins with a dot, except the one that is meant to be found (RFC 8615).
bool has_dotfile(std::string_view path);

// Fills in what a program is told about the rest of its path.
void set_path_info(const config::Site& site, cgi::Script& script, std::string path_info);

// ---- locate_files.cc
// A file, or what answers for a directory.
Located locate_static(const Within& in, const Route& route, const http::Path& path);
// `path` names a directory.
Located locate_directory(const Within& in, const Route& route, const http::Path& path);

// ---- locate_try.cc
Located locate_attempts(const Within& in, const Route& route, const http::Path& path);
Located locate_redirect(const Route& route, const http::Path& path);

}  // namespace cgisrv::site
