// Guesses what was meant by an unknown word of the command line.
#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace cgisrv::command {

// For a word that was read as a directory: mistyped, or one of another server's, it is none, or a
// file. "did you mean: cgisrv reload"; empty when nothing is near.
std::string hint_for_operand(const CLI::App& app, const std::string& word);

// CLI11's message for a word that it cannot place, and what was probably meant.
std::string unexpected_word(const CLI::App& app, const CLI::ParseError& error,
                            const std::string& directory, int argc, char** argv);

}  // namespace cgisrv::command
