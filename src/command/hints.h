// Guesses what was meant by an unknown word of the command line.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace cgisrv::command {

// What a command says to an option of the program that its users may have in mind: exec to those of
// curl, passwd to those of htpasswd. Empty: it knows none of that name.
std::string habit_of(std::string_view command, std::string_view word, std::string_view value = {});

// For a word that was read as a directory: mistyped, or one of another server's, it is none, or a
// file. "did you mean: cgisrv reload"; empty when nothing is near.
std::string hint_for_operand(const CLI::App& app, const std::string& word);

// CLI11's message for a word that it cannot place, and what was probably meant.
std::string unexpected_word(const CLI::App& app, const CLI::ParseError& error,
                            const std::string& directory, int argc, char** argv);

}  // namespace cgisrv::command
