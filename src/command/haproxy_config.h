// `cgisrv haproxy-config`: what HAProxy needs in front of a server by that configuration. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/forward.h"
#include "net/address.h"

namespace cgisrv::command {

struct HaproxyCommand {
  std::string address;  // of this machine, as HAProxy reaches it; empty: found
  std::string name;     // of the server, for HAProxy; empty: this machine's
};

struct HaproxyBackend {
  std::string text;                // a part of haproxy.cfg
  std::vector<std::string> notes;  // what the configuration lacks for it, and the line to add
};

// `interfaces`: this machine's addresses. Fails if nothing is served by HTTP.
Result<HaproxyBackend> haproxy_backend(const config::Config& config, const HaproxyCommand& command,
                                       std::span<const net::Address> interfaces);

// Prints it; returns the exit status.
int run_haproxy_config(const config::Config& config, const HaproxyCommand& command);

}  // namespace cgisrv::command
