// Reopens the logs of a running server after somebody moved them away (logrotate(8)).
#pragma once

#include <vector>

#include "accesslog/access_log.h"
#include "base/result.h"

namespace cgisrv::accesslog {

// The error log and the access log: both, or neither if one cannot be opened. From then on all
// processes of the server write to the new files. The logs of earlier configurations, whose last
// workers are finishing, are reopened if possible.
Result<void> reopen_logs(AccessLog& current, const std::vector<AccessLog*>& earlier);

}  // namespace cgisrv::accesslog
