// The command that runs a program: its first line, as execve(2) and env(1) read it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::warm {

// What brings a program to the point where its requests begin: a bootstrap in its language, or the
// library alone.
enum class Language : std::uint8_t { native, perl, python };

struct Command {
  Language language = Language::native;
  std::string executable;            // absolute path; links are kept, because they lead to a venv
  std::string name;                  // the executable's argv[0]
  std::vector<std::string> options;  // further options for the interpreter on the first line
};

// Why a program is started cold: a whole sentence for the log, with the remedy if there is one.
struct WhyCold {
  WhyCold(std::string sentence, bool of_its_kind = false)  // NOLINT: made of any sentence
      : why(std::move(sentence)), by_kind(of_its_kind) {}
  WhyCold(const char* sentence) : why(sentence) {}  // NOLINT
  // Not the program's fault: a resource is lacking. `why` is of no interest once there is enough.
  static WhyCold for_now(std::string sentence) {
    WhyCold made(std::move(sentence));
    made.passes = true;
    return made;
  }
  std::string why;
  bool by_kind = false;  // applies to all of its kind: it is no mistake of this program
  bool passes = false;
};

// `interpreter`: configured for the program; empty: its first line counts, and it must be
// executable. `path`: where env(1) looks.
std::expected<Command, WhyCold> find_command(const std::string& file,
                                             const std::string& interpreter, std::string_view path);

}  // namespace cgisrv::warm
