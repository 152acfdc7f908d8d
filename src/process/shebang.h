// The first line of a script, as execve(2) reads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::process {

// PATH of a program where the administrator sets none.
constexpr std::string_view default_path = "/usr/local/bin:/usr/bin:/bin";

// "#!/usr/bin/env -S python3 -u": program, and the rest of the line as one argument. Empty when the
// file does not begin with "#!".
struct Shebang {
  std::string program;
  std::string argument;
  bool windows_line_end = false;  // ends in CR LF: the kernel keeps the CR, we do not
};

// `bytes`: the beginning of the file; the kernel reads 256 bytes of it.
Shebang read_shebang(std::string_view bytes);

// The beginning of a file; empty, with errno set, if it cannot be read. Never blocks.
std::string file_head(const std::string& file);
std::string file_head(int descriptor);  // which must not block

// The name, and others under which that program may be installed: "python" and "python3";
// "perl5.36", "perl5" and "perl".
std::vector<std::string> usual_names(std::string_view name);

// Where the program of that path is usually installed, by one of its usual names:
// "/usr/bin/python3" for "/opt/python/bin/python". Empty: nowhere.
std::string find_program(std::string_view path);

// What execvp(3) would execute: the first executable of that name in the folders of `path`. Empty:
// there is none, or it depends on the working directory.
std::string find_in_path(std::string_view name, std::string_view path);

}  // namespace cgisrv::process
