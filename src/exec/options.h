// The options of `cgisrv exec`.
#pragma once

#include <string>
#include <vector>

namespace cgisrv::exec {

// cgisrv exec: one request without a server.
struct ExecOptions {
  enum class Show { report, environment, raw, json };
  std::string script;
  std::string url;  // empty: found by the script
  std::string method = "GET";
  std::vector<std::string> fields;  // "Name: value"
  Show show = Show::report;
  bool verify = false;  // show instead whether it does the same warm
};

}  // namespace cgisrv::exec
