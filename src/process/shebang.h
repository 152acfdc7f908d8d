// The first line of a script, as execve(2) reads it.
#pragma once

#include <string>
#include <string_view>

namespace cgisrv::process {

// PATH of a program where the administrator sets none.
constexpr std::string_view default_path = "/usr/local/bin:/usr/bin:/bin";

// "#!/usr/bin/env -S python3 -u": program and the rest of the line as one argument. Empty when the
// file does not begin with "#!".
struct Shebang {
  std::string program;
  std::string argument;
  bool windows_line_end = false;  // CR LF: the CR is not in the above, but the kernel has it there
};

// `bytes`: the beginning of the file; the kernel reads 256 bytes of it.
Shebang read_shebang(std::string_view bytes);

// The beginning of a file, empty if it cannot be read; never waits.
std::string file_head(const std::string& file);

// Where the program of that name, or one like it with a number, is usually installed: "python3" for
// "/opt/python/bin/python". Empty: nowhere.
std::string find_program(std::string_view path);

// What execvp(3) would execute: the first executable of that name in the folders of `path`. Empty:
// there is none, or it depends on the working directory.
std::string find_in_path(std::string_view name, std::string_view path);

}  // namespace cgisrv::process
