// The environment of a request that an exchange holds.
#pragma once

#include <cstdint>
#include <optional>

#include "cgi/environment.h"
#include "cgi/field_review.h"
#include "cgi/options.h"
#include "handler/exchange.h"

namespace cgisrv::cgi {

struct RequestForProgram {
  const handler::Exchange& exchange;
  const Script& script;
  const Endpoints& endpoints;
  const Options& options;
  FieldReview& fields;  // is told of what the program will not have
  std::optional<std::uint64_t> content_length;
  const Redirected& redirected;
};

Environment request_environment(const RequestForProgram& request);

}  // namespace cgisrv::cgi
