// The logs of a running server, opened anew after somebody moved them away (logrotate(8)).
#pragma once

#include <vector>

#include "base/result.h"
#include "server/access_log.h"

namespace cgisrv::server {

// The error log and the access log: both, or none when one cannot be opened. What any process of
// the server begins to write after that goes to the new files. Those of earlier configurations,
// whose last workers are finishing, come along if they can be opened.
Result<void> reopen_logs(AccessLog& current, const std::vector<AccessLog*>& earlier);

}  // namespace cgisrv::server
