#include "cgi/telling_line.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cgisrv::cgi {

namespace {

using namespace std::string_view_literals;

// What interpreters print after the error itself. Perl: the chain of modules that were loading;
// Node.js, PHP and Lua: the lines around stack frames, which are indented everywhere.
constexpr std::array consequences = {"BEGIN failed--"sv,
                                     "INIT failed--"sv,
                                     "Compilation failed in require"sv,
                                     "Execution of "sv,
                                     "Require stack:"sv,
                                     "- /"sv,
                                     "}"sv,
                                     "Node.js v"sv,
                                     "stack traceback:"sv,
                                     "Stack trace:"sv,
                                     "#"sv};

bool is_consequence(std::string_view line) {
  return line.empty() || line.front() == ' ' || line.front() == '\t' ||
         line.ends_with(" had compilation errors.") ||
         line.contains("env: use -[v]S to pass options") ||  // fits some of its failures only
         std::ranges::any_of(consequences,
                             [line](std::string_view start) { return line.starts_with(start); });
}

// "x.py:3: DeprecationWarning: ...", as in Ruby too, and Node.js's own warnings. They are not the
// reason of a failure.
bool is_warning(std::string_view line) {
  if (line.starts_with("(Use `node --trace-")) return true;
  if (line.starts_with("(node:") && line.contains("Warning: ")) return true;
  const auto end = std::min(line.find("Warning: "), line.find("warning: "));
  if (end == line.npos) return false;
  auto before = line.substr(0, end);
  while (!before.empty() && text::is_alpha(before.back()))
    before.remove_suffix(1);
  if (!before.ends_with(": ")) return false;
  before.remove_suffix(2);
  return !before.empty() && text::is_digit(before.back());
}

std::string_view without_end_of_line(std::string_view text) {
  return text.substr(0, text.find_last_not_of("\r\n") + 1);
}

}  // namespace

std::string_view telling_line(std::string_view text) {
  std::string_view last;
  for (auto rest = without_end_of_line(text); !rest.empty(); rest = without_end_of_line(rest)) {
    const auto start = rest.rfind('\n') + 1;
    const auto line = rest.substr(start);
    if (is_warning(line))
      last = {};  // drops the warning's source line, or the like
    else if (!is_consequence(line))
      return text::trim(line);
    else if (last.empty())
      last = text::trim(line);
    rest = rest.substr(0, start);
  }
  return last;
}

std::string telling_words(std::string_view text) {
  std::string line(telling_line(text));
  const auto folders = line.find(" (@INC ");
  const auto end = line.find(") at ", folders);
  if (line.starts_with("Can't locate ") && end != line.npos) line.erase(folders, end + 1 - folders);
  return text::printable(line, 300);
}

}  // namespace cgisrv::cgi
