// Giving up root, and a clean start for the process itself.
#pragma once

#include <sys/resource.h>
#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace cgisrv::process {

// The user to become, and whether programs may gain more by execve(2).
struct Privileges {
  std::string user;              // empty: our own
  std::string group;             // empty: the user's own
  bool setuid_programs = false;  // some location lets setuid bits and file capabilities work
};

// Gives up, for good, all that a worker does not need. Becomes the user, with the group and the
// user's supplementary groups. Unless that is root, no capability is left in any set, see
// capabilities(7). Where setuid programs are not allowed, the bounding set is emptied too, and
// no_new_privs is set, even for root.
Result<void> drop_privileges(const Privileges& wanted);

// Whether drop_privileges() will succeed, as far as can be told beforehand.
Result<void> may_become_user(const std::string& user, const std::string& group);

// Whether the mode of a file lets that user do it, who has no capability; `right` is S_IROTH,
// S_IWOTH, or S_IXOTH, which is also entering a folder. True where that user or group is not known.
bool may(mode_t right, const std::string& user, const std::string& group,
         const struct stat& status);

// Whether a folder is the home of its owner, which is not to be opened for a server's sake.
bool is_home(const std::string& folder);

// The name of the user that we run as, or the uid if it has none. Looked up once.
const std::string& own_user_name();

// What the file itself makes execve(2) grant, unless forbidden: "setuid", "setgid", "given
// capabilities"; empty: nothing.
std::string_view granted_by(const std::string& file);

// From now on no process of our user can trace us, or read our memory and descriptors: the programs
// that we start are such processes. No core is dumped either; root can still trace.
void forbid_tracing();

// Opens descriptors 0, 1 and 2 (on /dev/null where closed), and makes all other inherited ones
// close on exec, so that neither we nor the programs depend on our parent.
Result<void> clean_inheritance();

// The present limit of open descriptors.
rlimit descriptor_limit();

// Raises the soft limit of open descriptors to `wanted` or the hard limit, whichever is lower.
// Returns the old limits: programs get those, as some count up to their limit (select(2)).
rlimit raise_descriptor_limit(rlim_t wanted);

}  // namespace cgisrv::process
