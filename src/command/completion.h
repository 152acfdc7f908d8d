// Shell completion, made from the command line's own description.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace cgisrv::command {

// A script for "bash", "zsh" or "fish". Completes commands, options, and arguments by an option's
// type name: FILE and DIR as such, others not at all.
std::string completion(const CLI::App& app, std::string_view shell);

}  // namespace cgisrv::command
