// Giving up root, and a clean start for the process itself.
#pragma once

#include <sys/resource.h>

#include <string>

#include "base/result.h"

namespace cgisrv::process {

// Becomes `user` for good, with `group` (empty: the user's own) and the user's supplementary
// groups. Nothing to do when we are that user already; an error when we may not.
Result<void> become_user(const std::string& user, const std::string& group);

// Whether become_user() will succeed, as far as can be told beforehand.
Result<void> may_become_user(const std::string& user, const std::string& group);

// Descriptors 0, 1 and 2 are open (on /dev/null where they were not), all others that we inherited
// close on exec, the umask is 022: so that neither we nor the programs depend on who started us.
Result<void> clean_inheritance();

// Raises the soft limit of open descriptors to `wanted` or the hard limit, whichever is lower.
// Returns the limits as they were: programs get those, for some count up to theirs (select(2)).
rlimit raise_descriptor_limit(rlim_t wanted);

}  // namespace cgisrv::process
