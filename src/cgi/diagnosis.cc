#include "cgi/diagnosis.h"

#include <cgisrv/fd.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/result.h"
#include "base/shortage.h"
#include "base/text.h"

namespace cgisrv::cgi {

namespace {

// The first line, or as much of it as matters; execve(2) reads 256 bytes.
std::string first_line(const std::string& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 256> bytes{};
  const ssize_t size = fd ? ::read(fd.get(), bytes.data(), bytes.size()) : 0;
  const std::string_view text(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(text.substr(0, text.find('\n')));
}

// "/usr/bin/env" of "#!/usr/bin/env python3"; empty when there is no shebang.
std::string_view shebang_program(std::string_view line) {
  if (!line.starts_with("#!")) return {};
  const auto rest = text::trim(line.substr(2));
  return rest.substr(0, rest.find_first_of(" \t"));
}

std::string explain_missing(const std::string& file) {
  const std::string line = first_line(file);
  const auto program = shebang_program(line);
  if (line.ends_with('\r'))
    return fmt::format(
        "{0} has Windows line ends, so its first line names '{1}', which does not exist; convert "
        "it: sed -i 's/\\r$//' {0}",
        file, text::escape(program));
  if (!program.empty())
    return fmt::format(
        "{}: its interpreter {} does not exist; correct the first line, or install it", file,
        text::escape(program));
  return fmt::format(
      "{} could not be run: it, or the loader or library that it is linked to, does not exist",
      file);
}

std::string explain_denied(const std::string& file) {
  struct statvfs mount {};
  if (::statvfs(file.c_str(), &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0)
    return fmt::format("{} lies on a file system mounted noexec; move it, or remount with exec",
                       file);
  if (::access(file.c_str(), X_OK) != 0)
    return fmt::format("{0} is not executable; run: chmod +x {0}", file);
  const std::string line = first_line(file);
  return fmt::format("{}: its interpreter {} may not be executed; check its permissions", file,
                     text::escape(shebang_program(line)));
}

std::string explain_format(const std::string& file) {
  const std::string line = first_line(file);
  if (line.starts_with("\x7f"
                       "ELF"))
    return fmt::format("{} is a binary for another kind of machine; build it for this one", file);
  if (line.empty()) return fmt::format("{} is empty", file);
  return fmt::format(
      "{} has no interpreter line; let it begin with #! and the path of one, such as #!/bin/sh",
      file);
}

Diagnosis explain_exec(int code, const Script& script) {
  const std::string& file = script.interpreter.empty() ? script.filename : script.interpreter;
  switch (code) {
    case ENOENT:
      return {502, explain_missing(file)};
    case EACCES:
      return {502, explain_denied(file)};
    case ENOEXEC:
      return {502, explain_format(file)};
    case ELOOP:
      return {502, fmt::format("{}: too many interpreters or links in a row", file)};
    case ETXTBSY:
      return {503, fmt::format("{} is being written to; try again when it is done", file)};
    case E2BIG:
      return {502, fmt::format("{}: the request's variables are too large for a program", file)};
    default:
      return {is_shortage(code) ? 503 : 502,
              fmt::format("{} could not be run: {}", file, errno_text(code))};
  }
}

}  // namespace

Diagnosis diagnose_start(const process::SpawnFailure& failure, const Script& script) {
  const std::string what = errno_text(failure.code);
  switch (failure.step) {
    case process::SpawnStep::exec:
      return explain_exec(failure.code, script);
    case process::SpawnStep::directory:
      return {is_shortage(failure.code) ? 503 : 502,
              fmt::format("{}: cannot enter its directory: {}", script.filename, what)};
    case process::SpawnStep::limits:
      return {500, fmt::format("{}: its resource limits cannot be set: {}; see [cgi] rlimits",
                               script.filename, what)};
    case process::SpawnStep::clone:
    case process::SpawnStep::none:
      break;
  }
  return {503, fmt::format("{}: no process could be started: {}; the machine or the user has too "
                           "many",
                           script.filename, what)};
}

}  // namespace cgisrv::cgi
