// The command line of `cgisrv passwd`.
#pragma once

#include "command/passwd.h"

namespace CLI {
class App;
}

namespace cgisrv::command {

// Adds the command to `app`. `wants_help`: set by its own --help.
CLI::App* add_passwd(CLI::App& app, PasswdCommand& command, bool& wants_help);

}  // namespace cgisrv::command
