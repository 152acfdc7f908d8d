#include "cgi/ending.h"

#include <fmt/format.h>

#include <array>
#include <csignal>
#include <cstring>

#include "base/text.h"
#include "process/elf.h"
#include "process/shebang.h"

namespace cgisrv::cgi {

namespace {

// "512m": as in a configuration.
std::string size_text(std::uint64_t bytes) {
  unsigned unit = 0;
  for (; unit < 4 && bytes != 0 && bytes % 1024 == 0; ++unit)
    bytes /= 1024;
  constexpr std::array<std::string_view, 5> units = {" bytes", "k", "m", "g", "t"};
  return fmt::format("{}{}", bytes, units[unit]);
}

double processor_seconds(const rusage& usage) {
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

std::string last_line(std::string_view text) {
  text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  return text::escape(text::trim(text.substr(text.rfind('\n') + 1)), 300);
}

std::string explain_processor_time(std::uint64_t seconds) {
  return fmt::format(
      "it used more than {} s of processor time; raise cpu in rlimits if it needs "
      "more",
      seconds);
}

std::string explain_kill(const Ending& ending) {
  const auto& cpu = ending.options.rlimits.cpu_seconds;
  if (cpu && processor_seconds(ending.exit.usage) >= static_cast<double>(*cpu))
    return explain_processor_time(*cpu);
  if (ending.memory_ran_out)
    return fmt::format(
        "the kernel ran out of memory meanwhile and killed a process, probably this one, which had "
        "{} MB; give the machine or its cgroup more, or bound programs with as in rlimits and "
        "max_running",
        ending.exit.usage.ru_maxrss / 1024);
  return "not by this server; somebody or something else sent it";
}

std::string explain_crash(const ResourceLimits& limits) {
  if (limits.address_space)
    return fmt::format(
        "a fault in it, or it had not enough memory; raise as in rlimits, which is {}, to know",
        size_text(*limits.address_space));
  return "a fault in it; run it by hand, or let it dump core: core in rlimits";
}

std::string explain_signal(const Ending& ending) {
  const ResourceLimits& limits = ending.options.rlimits;
  switch (ending.exit.code) {
    case SIGKILL:
      return explain_kill(ending);
    case SIGXCPU:
      if (limits.cpu_seconds) return explain_processor_time(*limits.cpu_seconds);
      return "it used more processor time than the limit that the server was started with";
    case SIGXFSZ:
      if (!limits.file_size)
        return "it wrote a larger file than the limit that the server was started with";
      return fmt::format("it wrote a file of more than {}; raise fsize in rlimits if it needs more",
                         size_text(*limits.file_size));
    case SIGSEGV:
    case SIGBUS:
    case SIGABRT:
      return explain_crash(limits);
    case SIGSYS:
      return "it made a system call that a filter forbids (seccomp); allow it where the server is "
             "started, for example in SystemCallFilter";
    case SIGILL:
      return "it has an instruction that this processor lacks; build it for this machine";
    case SIGFPE:
      return "it divided by zero, or the like; run it by hand";
    case SIGPIPE:
      return "it wrote to a pipe or socket that nobody reads any more; run it by hand";
    default:
      return "not by this server; it, or somebody else, sent that";
  }
}

// "env: 'python9': No such file or directory": what env(1) was to find in PATH.
std::string explain_env(const Ending& ending, const process::Shebang& shebang) {
  const std::string name = text::escape(shebang.argument, 100);
  const bool splits = shebang.argument.starts_with("-");
  if (!splits && shebang.argument.find_first_of(" \t") != shebang.argument.npos)
    return fmt::format(
        "its first line has env look for one program named '{0}'; write #!{1} -S {0}", name,
        text::escape(shebang.program, 100));
  const Variables& env = ending.options.env;
  std::string_view path = process::default_path;
  for (const auto& [variable, value] : env)
    if (variable == "PATH") path = value;
  return fmt::format(
      "its first line has env look for '{}', which is not in its PATH, {}; install it, or set PATH "
      "in env",
      name, text::escape(path, 200));
}

std::string explain_status(const Ending& ending) {
  const std::string head = process::file_head(ending.script.filename);
  const process::Shebang shebang = process::read_shebang(head);
  const std::string said = last_line(ending.stderr_tail);
  const int code = ending.exit.code;
  if (shebang.windows_line_end)
    return fmt::format("it has Windows line ends; convert it: sed -i 's/\\r$//' {}",
                       text::shell_word(ending.script.filename));
  if (code == 127 && shebang.program.ends_with("/env")) return explain_env(ending, shebang);
  if (code == 127 && process::read_elf_head(head))
    return fmt::format("a library that it needs is missing, see ldd {}{}{}", ending.script.filename,
                       said.empty() ? "" : "; its standard error: ", said);
  const char* const signal = code > 128 ? ::sigabbrev_np(code - 128) : nullptr;
  if (signal != nullptr)
    return fmt::format("something that it ran was killed by SIG{}{}{}", signal,
                       said.empty() ? "" : "; its standard error: ", said);
  if (said.empty()) return "it wrote nothing to its standard error; run it by hand";
  return fmt::format("its standard error says why: {}", said);
}

}  // namespace

std::string explain_ending(const Ending& ending) {
  if (ending.exit.success()) return {};
  return ending.exit.signalled ? explain_signal(ending) : explain_status(ending);
}

std::string seconds_text(Options::Duration duration) {
  return fmt::format("{:g} s", std::chrono::duration<double>(duration).count());
}

}  // namespace cgisrv::cgi
