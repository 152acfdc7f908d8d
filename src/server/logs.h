// The logs of a running server, opened anew after somebody moved them away (logrotate(8)).
#pragma once

#include <vector>

#include "base/result.h"
#include "server/access_log.h"

namespace cgisrv::server {

// The error log and these, one for each configuration that still has workers: all of them, or none
// when one cannot be opened. What any process of the server begins to write after that goes to the
// new files.
Result<void> reopen_logs(const std::vector<AccessLog*>& access_logs);

}  // namespace cgisrv::server
