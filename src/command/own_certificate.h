// The certificate of directory mode, which the server makes itself. It is kept, so that a browser
// which was told once to trust it is not asked again.
#pragma once

#include "config/config.h"

namespace cgisrv::command {

// Sets `certificate` to the one in the user's state directory ($XDG_STATE_HOME/cgisrv, or
// ~/.local/state/cgisrv), and prints its fingerprint. Makes it if there is none that is good for
// two weeks more. False, after saying why: there is none.
bool use_own_certificate(config::DirectoryOptions& options);

}  // namespace cgisrv::command
