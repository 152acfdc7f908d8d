// cgisrv passwd FILE USER: writes an entry of a password file.
#pragma once

#include <string>

#include "base/result.h"

namespace cgisrv::command {

struct PasswdCommand {
  std::string file;
  std::string user;
  bool removes = false;
};

// Asks for the password, and replaces the file by a new one that has the entry. Returns the exit
// status, after saying on standard error what went wrong.
int run_passwd(const PasswdCommand& command);

// The hash of a password that is asked for.
Result<std::string> ask_hash(const std::string& user);

}  // namespace cgisrv::command
