// Which request leads to a script: the reverse of the configuration.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "config/config.h"
#include "net/address.h"
#include "site/locate.h"

namespace cgisrv::exec {

struct ResolvedRequest {
  config::Config config;
  net::Address address;  // the server's, as seen by a client on this machine
  std::string host;      // for the Host field, with its port
  std::string url;       // path and query of the request line
};

// `url` is the user's: "", "?query", "/path?query", "http://host", "http://host/path?query".
// Missing parts are chosen so that the request leads to `script`, by the server's own rules. A
// script that the server would refuse is found, too: the server is to give the answer. An error's
// code is EINVAL when the URL leads elsewhere; else there is no such script, or nothing runs it.
Result<ResolvedRequest> resolve_request(config::Config config, const std::string& script,
                                        const std::string& url);

// The same without a configuration. Serves the directory that holds the script's cgi-bin/ or
// htbin/, else the script's own; if a path is given, the first of these and of the directories
// above that fits it.
Result<ResolvedRequest> resolve_request(const std::string& script, const std::string& url,
                                        const config::DirectoryOptions& options = {});

// Where the request leads; its location is the request's. Nothing: not a valid path.
std::optional<site::Located> destination(const ResolvedRequest& resolved);

}  // namespace cgisrv::exec
