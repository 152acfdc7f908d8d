// How a program is started to become a zygote, and whether it can be: found out before, from its
// files. What only shows as it runs, the library in it finds out (src/warm/shim).
#pragma once

#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "warm/options.h"
#include "warm/wire.h"

namespace cgisrv::warm {

// The zygote's descriptors, as its command line and environment name them.
constexpr int control_fd = CGISRV_WARM_FD_MIN;
constexpr int slate_fd = CGISRV_WARM_FD_MIN + 1;

struct Program {
  std::string file;         // absolute path
  std::string interpreter;  // configured for its location; empty: none
  std::vector<std::pair<std::string, std::string>> variables;  // configured for its location
  std::string root = {};  // DOCUMENT_ROOT; empty: not the same for all requests, or not known
};

struct Recipe {
  std::string executable;                // absolute path
  std::vector<std::string> argv;         // for execve(2)
  std::vector<std::string> environment;  // NAME=value: what is the same for all requests, and what
                                         // wire.h asks for but the numbers, which are the keeper's
};

// `library`: as find_library() has it. The error is a whole sentence for the log: why the program
// is started plainly and, where there is something, what to do.
//
// The loader leaves out a preload that it cannot open, and the program would run for real: who
// starts it makes sure that the library can be read by the user that it runs as.
std::expected<Recipe, std::string> make_recipe(const Program& program, const Options& options,
                                               const std::string& library);

// The folder with libcgisrv-warm.so, warm.pl and warm*.py: where the server's executable is, or
// ../lib/cgisrv from there. Absolute, without links; empty: there is none.
std::string find_library(const std::string& server = "/proc/self/exe");

}  // namespace cgisrv::warm
