// A program that a web server in front names by its file (SCRIPT_FILENAME): whether it may be run,
// and by which location.
#pragma once

#include <span>
#include <string>

#include "access/peer.h"
#include "config/forward.h"
#include "http/target.h"
#include "site/locate.h"

namespace cgisrv::site {

// As the web server says it, unchecked.
struct NamedProgram {
  std::string file;         // may go on behind the program: the rest is PATH_INFO then
  std::string script_name;  // SCRIPT_NAME; may go on too
  std::string path_info;
  std::string translated;   // PATH_TRANSLATED
  std::string root;         // DOCUMENT_ROOT
  bool is_made_up = false;  // the file: it is that of DOCUMENT_ROOT and SCRIPT_NAME
};

// Whether that file, whose name has no links, is one of them, or below it.
bool is_among(std::span<const std::string> programs, const std::string& real);

// `programs`: those that may be named, or folders below one of which the file has to be, without
// links, unless a location of the site names it; none: a location of the site, or of another one,
// has to run it. The location that runs it gives its options; without one, with `programs`, the
// site's fallback. Whoever is kept out of the path that the client has asked for, or of one by
// which the site has the file, is kept out here. Looks at the file system.
Located locate_named(const config::Config& config, const config::Site& site, const http::Path& path,
                     const NamedProgram& named, std::span<const std::string> programs,
                     const access::Peer& visitor);

}  // namespace cgisrv::site
