// What runs a program: its first line, as execve(2) and env(1) read it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::warm {

// Who brings a program to the point where its requests begin: a bootstrap in its language, or the
// library alone.
enum class Language : std::uint8_t { native, perl, python };

struct Command {
  Language language = Language::native;
  std::string executable;  // absolute path; links are as they were, for a venv is found so
  std::string name;        // how the executable is called: its argv[0]
  std::vector<std::string> options;  // what the first line has for the interpreter besides
};

// `interpreter`: configured for the program; empty: its first line counts, and it must be
// executable. `path`: where env(1) looks. Errors are whole sentences for the log: why the program
// is started plainly, and what to do where there is something.
std::expected<Command, std::string> find_command(const std::string& file,
                                                 const std::string& interpreter,
                                                 std::string_view path);

}  // namespace cgisrv::warm
