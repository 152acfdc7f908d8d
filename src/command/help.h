// The output of --help, made from the command line's own description.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace cgisrv::command {

// The help of the given command, or without one the server's. Commands of one description share a
// help, which lists each option once.
std::string help(const CLI::App& app);

}  // namespace cgisrv::command
