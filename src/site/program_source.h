// Whether a file that is about to be sent is the source of a program.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/tree.h"
#include "config/forward.h"
#include "site/router.h"

namespace cgisrv::site {

struct Runs {
  const config::Site* site = nullptr;
  const config::Location* location = nullptr;  // null: none
};

// Which location runs `file`, under any URL and through any links: then its source is not sent.
// That is one of the site for which `routed` led to the file, or of another site of `config` whose
// root, `files` or program directories hold the file, unless the routed location says cgi = false.
// An error if that cannot be found out; then it is not sent either. `file` is absolute, and `seen`
// tells of it. `own` is the path whose route has made it a file; empty: another way has. If the
// file is executable, or any site has an interpreter or a backend, its links are followed.
Result<Runs> what_runs(const config::Config& config, const Route& routed, const std::string& file,
                       const Seen& seen, std::string_view own);

// Whether a file of that mode may be a program to some site.
bool can_be_run(const config::Config& config, mode_t mode);

// The same as what_runs() for what a link of the site has led to, if that can be run. `real` is
// without links.
Result<Runs> what_runs_real(const config::Config& config, const config::Site& site,
                            const std::string& real, mode_t mode);

}  // namespace cgisrv::site
