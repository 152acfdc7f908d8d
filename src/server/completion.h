// What shells complete, made from the command line's own description.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace cgisrv::server {

// A script for "bash", "zsh" or "fish". Commands, options, and what an option's type name says of
// its argument: FILE and DIR are completed as such, other arguments not at all.
std::string completion(const CLI::App& app, std::string_view shell);

}  // namespace cgisrv::server
