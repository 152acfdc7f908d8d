// Environment variables that are not of CGI itself.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cgisrv::cgi {

// Variables the administrator sets, in the order of configuration.
using Variables = std::vector<std::pair<std::string, std::string>>;

// What a web server in front adds to a request.
struct AddedVariables {
  Variables variables;
  std::string directory;  // the working directory; empty: the program's own
  // A program that was booted before the request could have asked for one of them in vain.
  bool keeps_cold = false;
};

}  // namespace cgisrv::cgi
