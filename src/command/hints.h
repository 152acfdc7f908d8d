// Guesses what was meant by an unknown word of the command line.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::command {

struct UnknownWord {
  std::string word;                 // an option or a command of another program
  std::vector<std::string> values;  // the words after it, up to the next option
  std::string command;  // whose option it would be: "exec", where curl's are tried; empty: none's
};

// "did you mean: -l 127.0.0.1:8000". `options`: those that cgisrv has here. Empty when nothing is
// near.
std::string hint_for(const UnknownWord& unknown, std::span<const std::string_view> options);

// The same for a word taken as a directory that does not exist, or that is a file.
std::string hint_for_directory(const std::string& word, std::span<const std::string_view> commands);

}  // namespace cgisrv::command
