// How a program is started to become a zygote, and whether it can be, judged in advance by its
// files. What only shows at run time, the preloaded library finds out (src/warm/shim).
#pragma once

#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "warm/command.h"
#include "warm/options.h"
#include "warm/wire.h"

namespace cgisrv::warm {

// The zygote's descriptors, as its command line and environment name them.
constexpr int channel_fd = CGISRV_WARM_FD_MIN;
constexpr int slate_fd = CGISRV_WARM_FD_MIN + 1;

struct WarmProgram {
  std::string file;         // absolute path
  std::string interpreter;  // configured for its location; empty: none
  std::vector<std::pair<std::string, std::string>> variables;  // configured for its location
  int umask = -1;         // configured for its location; -1: the server's own
  std::string root = {};  // DOCUMENT_ROOT; empty: varies between requests, or unknown
};

// What the configuration says of a program that is to be kept warm.
struct WarmConfig {
  WarmProgram program;
  Options options;
};

struct Recipe {
  std::string executable;                // absolute path
  std::vector<std::string> argv;         // for execve(2)
  int umask = -1;                        // as in WarmProgram
  bool is_native = false;                // only what it contains is loaded
  std::vector<std::string> environment;  // NAME=value: all that requests share, and what wire.h
                                         // asks for, except the manager's numbers
};

// `library`: the result of find_library().
//
// The loader skips a preload that it cannot open, and the program would run for real. So the caller
// must make sure that the library is readable for the program's user.
std::expected<Recipe, WhyCold> make_recipe(const WarmProgram& program, const Options& options,
                                           const std::string& library);

// The folder with libcgisrv-warm.so, warm.pl and warm*.py: that of the server's executable, or
// ../lib/cgisrv from there. Absolute, without links; empty: not found.
std::string find_library(const std::string& server = "/proc/self/exe");

}  // namespace cgisrv::warm
