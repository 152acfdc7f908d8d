// The command line.
#pragma once

#include <string>
#include <vector>

#include "server/remote.h"

namespace cgisrv::server {

struct Command {
  enum class Kind { serve, check, reference, remote, done };
  Kind kind = Kind::serve;
  int status = 0;  // done: nothing is left to do but to exit so (after --help, or a wrong flag)
  std::string directory = ".";
  std::string config_file;  // empty: serve the directory
  std::vector<std::string> listen;
  unsigned workers = 0;  // 0: as configured, or one per core
  RemoteCommand remote;
};

Command parse_command_line(int argc, char** argv);

}  // namespace cgisrv::server
