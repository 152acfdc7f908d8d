// The way of an exchange to a FastCGI or SCGI server.
#pragma once

#include "backend/idle_connections.h"
#include "backend/target.h"
#include "cgi/environment.h"
#include "cgi/options.h"
#include "cgi/run.h"
#include "cgi/script.h"
#include "handler/exchange.h"

namespace cgisrv::backend {

// `target` and `options` outlive the handler; what `endpoints` refers to lives until the client has
// gone.
struct Passed {
  const Target& target;
  cgi::Script script;
  bool names_a_file = true;  // else the script is the address: all below a prefix is the server's
  const cgi::Endpoints& endpoints;
  const cgi::Options& options;
  cgi::Redirected redirected;
};

// The handler that passes it on. The other arguments outlive it too.
handler::HandlerPtr pass(cgi::RunContext& context, IdleConnections& idle,
                         handler::Exchange& exchange, Passed passed);

}  // namespace cgisrv::backend
