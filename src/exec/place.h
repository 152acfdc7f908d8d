// Which request leads to a script: the configuration turned round.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "net/address.h"
#include "server/config.h"
#include "server/locate.h"

namespace cgisrv::exec {

struct Place {
  server::Config config;
  net::Address address;  // the server's, as a client on this machine finds it
  std::string host;      // for the Host field, with its port
  std::string url;       // path and query as a client would send them
};

// `url` is what the user gave: "", "?query", "/path?query", "http://host",
// "http://host/path?query". What it does not say is found so that the request leads to `script`, by
// the server's own rules. A script that the server would refuse has a place too: its answer is the
// server's to give. An error's code is EINVAL when the URL leads elsewhere; else there is no such
// script, or nothing runs it.
Result<Place> find_place(server::Config config, const std::string& script, const std::string& url);

// The same without a configuration. The directory that is served is the one that holds the script's
// cgi-bin/, else the current one, else the script's; where a path is given, the first directory
// above the script that it fits.
Result<Place> find_place(const std::string& script, const std::string& url);

// Where the request leads; its location is the place's. Nothing: the path is none.
std::optional<server::Located> destination(const Place& place);

}  // namespace cgisrv::exec
