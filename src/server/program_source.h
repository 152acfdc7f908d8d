// Whether a file that is about to be sent is the source of a program.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "server/config.h"

namespace cgisrv::server {

// The location of `site` that runs `file`, under whatever URL and by whatever links: its source is
// not sent. Null where none does; an error where that cannot be found out, and then it is not sent
// either. `file` is absolute, `mode` its own; costs nothing to speak of
// unless it is executable or the site has interpreters.
Result<const Location*> location_that_runs(const Site& site, const std::string& file, mode_t mode);

}  // namespace cgisrv::server
