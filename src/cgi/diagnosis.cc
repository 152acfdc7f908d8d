#include "cgi/diagnosis.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/result.h"
#include "base/shortage.h"
#include "base/text.h"
#include "cgi/permissions.h"
#include "process/elf.h"
#include "process/shebang.h"

namespace cgisrv::cgi {

namespace {

using process::file_head;
using process::machine_name;
using process::read_elf_head;
using process::read_shebang;
using process::Shebang;
using process::this_machine;

bool exists(const std::string& file) {
  return ::access(file.c_str(), F_OK) == 0;
}

// It exists, but the loader that it names does not.
std::string explain_loader(const std::string& file, const process::ElfHead& elf) {
  const std::string loader = text::escape(elf.loader, 200);
  if (elf.loader.find("musl") != elf.loader.npos)
    return fmt::format(
        "{} was built for the C library musl, whose loader {} does not exist; install musl, or "
        "link it statically",
        file, loader);
  if (elf.bits == 32)
    return fmt::format(
        "{} is a 32-bit binary, whose loader {} does not exist; install the 32-bit C library, or "
        "build it for 64 bits",
        file, loader);
  return fmt::format("{}: its loader {} does not exist; build it on this machine, or one like it",
                     file, loader);
}

// Something is missing: the file, its interpreter, the interpreter's own, or that one's loader.
std::string explain_missing(const std::string& file, unsigned depth = 0) {
  constexpr unsigned interpreters_max = 4;
  if (!exists(file)) return fmt::format("{} does not exist; install it, or correct the name", file);
  const std::string bytes = file_head(file);
  if (const auto elf = read_elf_head(bytes); elf && !elf->loader.empty())
    return explain_loader(file, *elf);
  const Shebang shebang = read_shebang(bytes);
  if (shebang.program.empty() || depth == interpreters_max)
    return fmt::format("{}: what should run it does not exist; check its first line", file);
  if (shebang.windows_line_end)
    return fmt::format(
        "{0} has Windows line ends, so its first line names '{1}', which does not exist; convert "
        "it: sed -i 's/\\r$//' {2}",
        file, text::escape(shebang.program + "\r", 200), text::shell_word(file));
  const std::string name = text::escape(shebang.program, 200);
  if (shebang.program.starts_with('/') && exists(shebang.program))
    return fmt::format("{}: its interpreter {}", file, explain_missing(shebang.program, depth + 1));
  const auto there = process::find_program(shebang.program);
  return fmt::format("{}: its interpreter {} does not exist; correct the first line{}", file, name,
                     there.empty() ? ", or install it" : fmt::format(" to #!{}", there));
}

std::string explain_denied(const std::string& file) {
  const Shebang shebang = read_shebang(file_head(file));
  if (shebang.program.empty() || ::access(file.c_str(), X_OK) != 0) return why_not_run(file);
  return fmt::format("{}: its interpreter {}", file, why_not_executable(shebang.program));
}

// The line, from 1, of a "#!" that only blanks and comments precede; 0: there is none.
unsigned line_of_late_shebang(std::string_view bytes) {
  for (unsigned number = 1; !bytes.empty(); ++number) {
    const auto line = text::trim(text::take_until(bytes, '\n'));
    if (line.starts_with("#!")) return line.size() > 2 ? number : 0;
    if (!line.empty() && line != "\r" && line.front() != '#') return 0;
  }
  return 0;
}

// The first line that a text may lack, by its file's ending, or by how its lines begin.
std::string_view usual_first_line(const std::string& file, std::string_view bytes) {
  constexpr std::string_view python = "#!/usr/bin/python3";
  constexpr std::string_view perl = "#!/usr/bin/perl";
  constexpr std::string_view php = "#!/usr/bin/php-cgi";
  using Pair = std::array<std::string_view, 2>;
  constexpr std::array<Pair, 5> endings = {{{".py", python},
                                            {".pl", perl},
                                            {".rb", "#!/usr/bin/ruby"},
                                            {".php", php},
                                            {".lua", "#!/usr/bin/lua"}}};
  constexpr std::array<Pair, 7> beginnings = {{{"import ", python},
                                               {"from ", python},
                                               {"def ", python},
                                               {"print(", python},
                                               {"use ", perl},
                                               {"my $", perl},
                                               {"<?php", php}}};
  for (const auto& [ending, line] : endings)
    if (file.ends_with(ending)) return line;
  while (!bytes.empty()) {
    const auto line = text::take_until(bytes, '\n');
    for (const auto& [beginning, interpreter] : beginnings)
      if (line.starts_with(beginning)) return interpreter;
  }
  return "#!/bin/sh";
}

// How a text begins that is no script, and what would run it.
std::string explain_text(const std::string& file, std::string_view bytes) {
  if (bytes.empty()) return fmt::format("{} is empty; was it copied in whole?", file);
  if (bytes.starts_with("\xef\xbb\xbf#!"))
    return fmt::format(
        "{0} has a byte order mark before its #!; remove it: sed -i '1s/^\\xef\\xbb\\xbf//' {1}",
        file, text::shell_word(file));
  if (bytes.starts_with("MZ"))
    return fmt::format("{} is a program for Windows; build it for this machine", file);
  if (bytes.starts_with("\xcf\xfa\xed\xfe") || bytes.starts_with("\xca\xfe\xba\xbe"))
    return fmt::format("{} is a program for macOS; build it for this machine", file);
  if (auto data = no_program(file, bytes); !data.empty()) return data;
  if (const unsigned line = line_of_late_shebang(bytes); line == 1)
    return fmt::format("{} has blanks before its #!; delete them", file);
  else if (line > 1)
    return fmt::format("{}: its #! is on line {}; delete what stands before it", file, line);
  return fmt::format(
      "{} has no interpreter line; let it begin with #! and the path of one, such as {}", file,
      usual_first_line(file, bytes));
}

std::string explain_format(const std::string& file) {
  const std::string bytes = file_head(file);
  if (const auto elf = read_elf_head(bytes); elf && elf->machine != this_machine())
    return fmt::format("{} is a binary for {}, and this machine is {}; build it for this one", file,
                       machine_name(elf->machine), machine_name(this_machine()));
  if (bytes.starts_with("\x7f"
                        "ELF"))
    return fmt::format("{} is a damaged binary; build it, or copy it here, again", file);
  const Shebang shebang = read_shebang(bytes);
  if (shebang.program.empty()) return explain_text(file, bytes);
  return fmt::format("{}: its interpreter {} is no program; correct the first line", file,
                     text::escape(shebang.program, 200));
}

Diagnosis explain_exec(int code, const std::string& file) {
  switch (code) {
    case ENOENT:
      return {502, explain_missing(file)};
    case EACCES:
      return {502, explain_denied(file)};
    case ENOEXEC:
      return {502, explain_format(file)};
    case ELOOP:
      return {502, fmt::format("{}: too many interpreters or links in a row; let its first line "
                               "name a binary",
                               file)};
    case ETXTBSY:
      return {503, fmt::format("{} is being written to; try again when it is done", file)};
    case E2BIG:
      return {502, fmt::format("{}: the request's variables are too large for a program; lower "
                               "header_size in [limits], or shorten env in [cgi]",
                               file)};
    default:
      return {is_shortage(code) ? 503 : 502,
              fmt::format("{} could not be run: {}", file, errno_text(code))};
  }
}

}  // namespace

Diagnosis diagnose_start(const process::SpawnFailure& failure, const Script& script) {
  const std::string what = errno_text(failure.code);
  switch (failure.step) {
    case process::SpawnStep::exec: {
      const bool interpreted = !script.interpreter.empty();
      auto found = explain_exec(failure.code, interpreted ? script.interpreter : script.filename);
      if (interpreted) found.sentence.insert(0, script.filename + ": its configured interpreter ");
      found.sentence = text::printable(found.sentence);
      return found;
    }
    case process::SpawnStep::cgroup:
      return {
          is_shortage(failure.code) ? 503 : 500,
          fmt::format("{}: a cgroup for it cannot be made or entered: {}; see cgroups in [server]",
                      script.filename, what)};
    case process::SpawnStep::directory:
      return {is_shortage(failure.code) ? 503 : 502,
              fmt::format("{}: cannot enter its directory: {}; a program runs in the one it is in",
                          script.filename, what)};
    case process::SpawnStep::limits:
      return {500, fmt::format("{}: its resource limits cannot be set: {}; see [cgi] rlimits",
                               script.filename, what)};
    case process::SpawnStep::clone:
    case process::SpawnStep::none:
      break;
  }
  if (is_shortage(failure.code))
    return {503, fmt::format("{}: no process could be started: {}; the machine or the user has too "
                             "many",
                             script.filename, what)};
  return {502,
          fmt::format("{}: no process could be started: {}; what runs this server, an emulator "
                      "or a filter of system calls, has no clone(2) with CLONE_VM and "
                      "CLONE_VFORK",
                      script.filename, what)};
}

}  // namespace cgisrv::cgi
