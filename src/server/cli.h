// The command line.
#pragma once

#include <string>
#include <vector>

#include "server/remote.h"

namespace cgisrv::server {

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

struct Command {
  enum class Kind { serve, check, exec, reference, remote, done };
  Kind kind = Kind::serve;
  int status = 0;  // done: nothing is left to do but to exit so (after --help, or a wrong flag)
  std::string directory = ".";
  std::string config_file;  // empty: serve the directory
  std::vector<std::string> listen;
  ExecOptions exec;
  std::string admin;       // where the status page is; empty: as configured
  unsigned workers = 0;    // 0: as configured, or one per core
  bool warm = false;       // the programs of the directory
  bool as_manual = false;  // reference: for scdoc
  RemoteCommand remote;
};

Command parse_command_line(int argc, char** argv);

}  // namespace cgisrv::server
