// Giving up root, and a clean start for the process itself.
#pragma once

#include <sys/resource.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace cgisrv::process {

// Whom to become, and whether programs may become more by execve(2).
struct Privileges {
  std::string user;              // empty: who we are
  std::string group;             // empty: the user's own
  bool setuid_programs = false;  // some location lets setuid bits and file capabilities work
};

// Gives up, for good, all that a worker does not need. Becomes the user, with the group and the
// user's supplementary groups. Unless that is root: no capability is left in any set, see
// capabilities(7); the bounding set is emptied too where setuid programs are not allowed. Then
// no_new_privs is set as well, also for root.
Result<void> drop_privileges(const Privileges& wanted);

// Whether drop_privileges() will succeed, as far as can be told beforehand.
Result<void> may_become_user(const std::string& user, const std::string& group);

// What execve(2) grants for the sake of the file itself, where nothing forbids it: "setuid",
// "setgid", "given capabilities"; empty: nothing.
std::string_view granted_by(const std::string& file);

// From here on no process of our user can trace us, or read our memory and descriptors: the
// programs that we start are such processes. No core is dumped either; root can still trace.
void forbid_tracing();

// Descriptors 0, 1 and 2 are open (on /dev/null where they were not), all others that we inherited
// close on exec, the umask is 022: so that neither we nor the programs depend on who started us.
Result<void> clean_inheritance();

// Of open descriptors, as they are now.
rlimit descriptor_limit();

// Raises the soft limit of open descriptors to `wanted` or the hard limit, whichever is lower.
// Returns the limits as they were: programs get those, for some count up to theirs (select(2)).
rlimit raise_descriptor_limit(rlim_t wanted);

}  // namespace cgisrv::process
