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

// Of a unix socket, as far as can be seen beforehand: 0, ENOENT, ENOTSOCK or EACCES, for a server
// that runs as that user and group.
int foresee_connection(const std::string& address, const std::string& user,
                       const std::string& group);

// php-fpm itself had no script to run: `said` is what has come first on standard error. A script's
// own words there begin with "PHP message: ". Empty: it had.
std::string explain_refusal(std::string_view said, const std::string& filename);

}  // namespace cgisrv::backend
