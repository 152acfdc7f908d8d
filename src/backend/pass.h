// The way of an exchange to a FastCGI or SCGI server.
#pragma once

#include "backend/idle_connections.h"
#include "backend/target.h"
#include "cgi/responder.h"
#include "handler/exchange.h"

namespace cgisrv::backend {

struct Passed {
  const Target& target;  // outlives the handler
  cgi::Answerer answerer;
  bool names_a_file = true;  // else the script is the address: all below a prefix is the server's
};

// The handler that passes it on. The other arguments outlive it too.
handler::HandlerPtr pass(cgi::RunContext& context, IdleConnections& idle,
                         handler::Exchange& exchange, Passed passed);

}  // namespace cgisrv::backend
