#include "warm/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/result.h"
#include "base/shortage.h"
#include "base/text.h"
#include "process/shebang.h"

namespace cgisrv::warm {

namespace {

using Found = std::expected<Command, WhyCold>;

std::string shown(std::string_view text) {
  return text::escape(text, 200);
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// "python3.11" without what follows the letters.
std::string_view without_version(std::string_view name) {
  return name.substr(0, name.find_last_not_of("0123456789.") + 1);
}

std::optional<Language> language_of(std::string_view name) {
  // Also "perl5.36-x86_64-linux-gnu", but not "perldoc".
  if (name == "perl" || name.starts_with("perl5")) return Language::perl;
  const bool is_python = without_version(name) == "python" && !name.starts_with("python2");
  return is_python ? std::optional(Language::python) : std::nullopt;
}

// Why interpreters other than Perl and Python are started cold.
std::string_view why_not(std::string_view name) {
  constexpr std::string_view shell =
      "a shell is not what takes the time, but the programs that it executes, which are started "
      "anew by each request; have the server run such a program itself, or leave it as it is";
  constexpr std::string_view threads =
      "it has threads from its start, and what has threads cannot be forked";
  constexpr std::string_view php =
      "PHP cannot be kept warm by this version: nothing of ours is loaded into it, and FastCGI, "
      "its "
      "own way to be kept, is not spoken here";
  struct Reason {
    std::string_view name, why;
  };
  constexpr std::array reasons = {
      Reason{"sh", shell},      Reason{"ash", shell},     Reason{"bash", shell},
      Reason{"dash", shell},    Reason{"ksh", shell},     Reason{"mksh", shell},
      Reason{"zsh", shell},     Reason{"busybox", shell}, Reason{"php", php},
      Reason{"php-cgi", php},   Reason{"node", threads},  Reason{"nodejs", threads},
      Reason{"deno", threads},  Reason{"bun", threads},   Reason{"java", threads},
      Reason{"dotnet", threads}};
  const auto* const found = std::ranges::find(reasons, without_version(name), &Reason::name);
  return found != reasons.end() ? found->why
                                : "only Perl, Python 3 and native programs can be kept warm";
}

// Options that work with the bootstrap: not those that read a program from elsewhere or none at all
// (-c, -e, -m), or take the next word as their value. `valued`: letters whose value is the rest of
// their word.
bool can_be_kept(std::string_view word, std::string_view flags, std::string_view valued) {
  if (!word.starts_with('-') || word.size() == 1) return false;
  const auto end = word.find_first_not_of(flags, 1);
  return end == word.npos || (valued.contains(word[end]) && end + 1 < word.size());
}

bool can_be_kept(Language language, std::string_view option) {
  if (language == Language::python) return can_be_kept(option, "bBdEIOPqRsSuv", "WX");
  while (!option.empty()) {  // perl splits one word into several options
    const auto word = text::take_until(option, ' ');
    if (!word.empty() && !can_be_kept(word, "wWXTtUfslnpa01234567", "CFI")) return false;
  }
  return true;
}

Found finish(Command command) {
  const auto language = language_of(base_name(command.name));
  if (!language)
    return std::unexpected(WhyCold(
        fmt::format("It is run by {}: {}.", shown(command.name), why_not(base_name(command.name))),
        true));
  command.language = *language;
  for (const auto& option : command.options)
    if (!can_be_kept(*language, option))
      return std::unexpected(
          fmt::format("Its first line gives {} '{}', with which it cannot be kept warm.",
                      shown(base_name(command.name)), shown(option)));
  return command;
}

// "#!/usr/bin/env python3", "#!/usr/bin/env -S python3 -u". A preloaded library would get into env,
// too, and take it for the program; so env's part is done here.
Found through_env(std::string_view argument, std::string_view path) {
  const bool splits = argument.starts_with("-S");
  std::string_view rest = splits ? text::trim(argument.substr(2)) : argument;
  Command command;
  command.name = splits ? text::take_until(rest, ' ') : std::exchange(rest, {});
  while (!(rest = text::trim(rest)).empty())
    command.options.emplace_back(text::take_until(rest, ' '));
  if (command.name.starts_with('-') || command.name.contains('=') ||
      (splits && argument.find_first_of("\"'\\$#\t") != argument.npos))
    return std::unexpected(
        fmt::format("Its first line has env do more than look for a program, '{}'; name the "
                    "interpreter itself there.",
                    shown(argument)));
  command.executable = process::find_in_path(command.name, path);
  if (command.executable.empty())
    return std::unexpected(fmt::format("Its first line has env look for '{}', which is not in {}.",
                                       shown(command.name), shown(path)));
  return finish(std::move(command));
}

Found by_first_line(const process::Shebang& shebang, std::string_view path) {
  if (shebang.windows_line_end)
    return std::unexpected("Its first line ends as Windows has it, in CR LF.");
  if (!shebang.program.starts_with('/'))
    return std::unexpected(fmt::format("Its first line names '{}', which is no absolute path.",
                                       shown(shebang.program)));
  if (base_name(shebang.program) == "env") return through_env(shebang.argument, path);
  Command command{.executable = shebang.program, .name = shebang.program};
  if (!shebang.argument.empty()) command.options.push_back(shebang.argument);
  return finish(std::move(command));
}

// "/cgi-bin/php" is often a link to the interpreter, which gets the script by PATH_TRANSLATED.
bool is_php(const std::string& file) {
  std::error_code ignored;
  const auto name = std::filesystem::canonical(file, ignored).filename().string();
  return without_version(name).starts_with("php");
}

}  // namespace

Found find_command(const std::string& file, const std::string& interpreter, std::string_view path) {
  if (!interpreter.empty()) return finish({.executable = interpreter, .name = interpreter});
  if (::access(file.c_str(), X_OK) != 0)
    return std::unexpected("It is not executable for this server's user.");
  errno = 0;
  const auto head = process::file_head(file);
  if (head.empty() && is_shortage(errno))
    return std::unexpected(
        WhyCold::for_now(fmt::format("It cannot be read just now: {}.", errno_text(errno))));
  const auto shebang = process::read_shebang(head);
  if (!shebang.program.empty()) return by_first_line(shebang, path);
  if (is_php(file))
    return std::unexpected(WhyCold(fmt::format("It is PHP: {}.", why_not("php")), true));
  return Command{.executable = file, .name = file};
}

}  // namespace cgisrv::warm
