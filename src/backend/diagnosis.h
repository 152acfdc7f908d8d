// Why a FastCGI or SCGI server did not answer: sentences with the cause and the remedy.
#pragma once

#include <string>
#include <string_view>

#include "backend/target.h"

namespace cgisrv::backend {

// What a page and the log say, to follow the name of the program and a colon.
struct Diagnosis {
  int status = 502;
  std::string sentence;
};

// connect(2) has failed with `error`, or socket(2) before it.
// `user`: who connects.
Diagnosis diagnose_connection(const Target& target, int error, std::string_view user);

// What connect(2) would fail with, as far as can be seen beforehand, for a server that runs as that
// user and group. Of a unix socket, which is not connected to: 0, ENOENT, ENOTSOCK or EACCES. Else
// ECONNREFUSED if nobody listens at any of its addresses, or 0; blocks for a second at most for
// each of them.
int foresee_connection(const Target& target, const std::string& user, const std::string& group);

// php-fpm itself had no script to run: `said` is what has come first on standard error. A script's
// own words there begin with "PHP message: ". Empty: it had.
std::string explain_refusal(std::string_view said, const std::string& filename);

}  // namespace cgisrv::backend
