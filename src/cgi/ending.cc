#include "cgi/ending.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <initializer_list>

#include "base/text.h"
#include "base/units.h"
#include "cgi/permissions.h"
#include "cgi/telling_line.h"
#include "process/elf.h"
#include "process/privileges.h"
#include "process/shebang.h"

namespace cgisrv::cgi {

namespace {

std::string explain_processor_time(std::uint64_t seconds) {
  return fmt::format(
      "it used more than {} s of processor time; raise cpu in rlimits if it needs "
      "more",
      seconds);
}

std::string explain_kill(const Ending& ending) {
  const auto& cpu = ending.options.rlimits.cpu_seconds;
  const std::chrono::duration<double> used = ending.exit.processor_time();
  if (cpu && used.count() >= static_cast<double>(*cpu)) return explain_processor_time(*cpu);
  if (ending.memory_ran_out)
    return fmt::format(
        "the kernel ran out of memory meanwhile and killed a process, probably this one, which had "
        "{} MB; give the machine or its cgroup more, or {} as in rlimits and max_running",
        ending.exit.usage.ru_maxrss / 1024,
        ending.options.by_file ? "bound programs with"
                               : "serve by a configuration that bounds programs, with");
  return "not by this server; somebody or something else sent it";
}

std::string explain_crash(const Ending& ending) {
  const ResourceLimits& limits = ending.options.rlimits;
  if (limits.address_space)
    return fmt::format(
        "a fault in it, or it had not enough memory; raise as in rlimits, which is {}, to know",
        size_text(*limits.address_space));
  if (!ending.options.by_file)
    return fmt::format("a fault in it; run it by hand: cgisrv exec {}",
                       text::shell_word(text::escape(ending.script.filename)));
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
      return explain_crash(ending);
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

// What the kernel has executed: the script's file, or its configured interpreter. Only the first
// line of that one counts.
struct Executed {
  explicit Executed(const Script& script)
      : configured(!script.interpreter.empty()),
        file(configured ? script.interpreter : script.filename),
        head(process::file_head(file)),
        shebang(process::read_shebang(head)) {}

  // "it", if the sentence is about the script.
  std::string subject() const {
    return configured ? fmt::format("its configured interpreter {}", text::escape(file)) : "it";
  }

  bool configured;
  const std::string& file;
  std::string head;
  process::Shebang shebang;
};

// "-S python3 -u" for "-S python -u", where only python3 is in that PATH. Empty: nothing like it
// is.
std::string installed_name(std::string_view argument, std::string_view path) {
  constexpr std::string_view split = "-S ";
  const std::string_view before = argument.starts_with(split) ? split : "";
  const auto rest = text::trim(argument.substr(before.size()));
  const auto name = rest.substr(0, rest.find_first_of(" \t"));
  for (const std::string& usual : process::usual_names(name))
    if (usual != name && !process::find_in_path(usual, path).empty())
      return text::escape(fmt::format("{}{}{}", before, usual, rest.substr(name.size())), 200);
  return {};
}

// "env: 'python9': No such file or directory": what env(1) looked for in PATH.
std::string explain_env(const Ending& ending, const Executed& executed) {
  const process::Shebang& shebang = executed.shebang;
  const std::string name = text::escape(shebang.argument, 100);
  const std::string whose = executed.configured
                                ? fmt::format("the first line of {}", text::escape(executed.file))
                                : "its first line";
  const bool splits = shebang.argument.starts_with("-");
  if (!splits && shebang.argument.find_first_of(" \t") != shebang.argument.npos)
    return fmt::format("{0} has env look for one program named '{1}'; write #!{2} -S {1}", whose,
                       name, text::escape(shebang.program, 100));
  const Variables& env = ending.options.env;
  std::string_view path = process::default_path;
  for (const auto& [variable, value] : env)
    if (variable == "PATH") path = value;
  const std::string set_path =
      fmt::format("install it, or set PATH {}",
                  ending.options.by_file ? "in env" : "when you start the server: -E PATH");
  const std::string better = installed_name(shebang.argument, path);
  return fmt::format("{} has env look for '{}', which is not in its PATH, {}; {}", whose, name,
                     text::escape(path, 200),
                     better.empty() ? set_path
                                    : fmt::format("correct it to #!{} {}",
                                                  text::escape(shebang.program, 100), better));
}

// The program that env(1) did not find because a script's lines end as in Windows: "sh" for "env:
// 'sh\r': No such file or directory". Empty: something else happened.
std::string_view named_with_carriage_return(std::string_view said) {
  while (!said.empty()) {
    const auto line = text::take_until(said, '\n');
    const auto begin = line.find("env: ");
    const auto end = std::min(line.find("\\r"), line.find('\r'));
    if (begin == line.npos || end == line.npos || end < begin) continue;
    const auto name = line.substr(0, end);
    return name.substr(name.find_last_of("'\x98") + 1);  // ‘ ends in 0x98
  }
  return {};
}

// The message of the loaders of glibc and musl for a missing library. A program may also exit with
// 127 because it found no other program.
bool loader_failed(std::string_view said) {
  return said.find("shared librar") != said.npos;
}

// "MemoryError": the limit that a program has hit by its own words, and how to raise it. Empty: no
// such limit is set.
std::string limit_reached(std::string_view said, const ResourceLimits& limits) {
  const auto says = [said](std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words, [said](auto word) { return said.contains(word); });
  };
  if (limits.address_space && says({"MemoryError", "annot allocate memory", "ut of memory",
                                    "emory exhausted", "bad_alloc"}))
    return fmt::format("as in rlimits, which is {}", size_text(*limits.address_space));
  if (limits.file_size && says({"ile too large"}))
    return fmt::format("fsize in rlimits, which is {}", size_text(*limits.file_size));
  if (limits.open_files && says({"oo many open files"}))
    return fmt::format("nofile in rlimits, which is {}", *limits.open_files);
  if (limits.processes && says({"annot fork", "Resource temporarily unavailable"}))
    return fmt::format("nproc in rlimits, which is {}", *limits.processes);
  return {};
}

// The kernel executes a script that only its interpreter cannot read.
bool script_is_unreadable(const Executed& executed, std::string_view said) {
  return !executed.configured && executed.head.empty() && said.contains("ermission denied") &&
         !may(executed.file, R_OK);
}

// Conclusions from its standard error alone.
std::string explain_words(const Ending& ending, std::string_view said) {
  if (ending.stderr_tail.empty()) return "it wrote nothing to its standard error; run it by hand";
  if (said.empty()) return "its standard error does not say why; run it by hand";
  const auto limit = limit_reached(said, ending.options.rlimits);
  return fmt::format("its standard error says why: {}{}{}", said, limit.empty() ? "" : "; raise ",
                     limit);
}

std::string explain_status(const Ending& ending) {
  const Executed executed(ending.script);
  const std::string said = telling_words(ending.stderr_tail);
  const int code = ending.exit.code;
  if (executed.shebang.windows_line_end)
    return fmt::format("{} has Windows line ends; convert it: sed -i 's/\\r$//' {}",
                       executed.subject(), text::shell_word(executed.file));
  if (const auto name = named_with_carriage_return(ending.stderr_tail); !name.empty())
    return fmt::format(
        "a script that it started has Windows line ends, so that env looked for a program named "
        "'{}\\r'; convert that one: sed -i 's/\\r$//' SCRIPT",
        text::escape(name, 100));
  if (code == 127 && executed.shebang.program.ends_with("/env"))
    return explain_env(ending, executed);
  if (code == 127 && process::read_elf_head(executed.head) && loader_failed(ending.stderr_tail))
    return fmt::format("a library that {} needs is missing, see ldd {}{}{}", executed.subject(),
                       executed.file, said.empty() ? "" : "; its standard error: ", said);
  if (code > 128 && ::sigabbrev_np(code - 128) != nullptr)
    return fmt::format("something that it ran was killed by {}{}{}", text::signal_name(code - 128),
                       said.empty() ? "" : "; its standard error: ", said);
  if (script_is_unreadable(executed, said))
    return fmt::format("user {} may not read it, as its interpreter must; run: chmod a+r {}",
                       process::own_user_name(), text::shell_word(executed.file));
  return explain_words(ending, said);
}

}  // namespace

std::string explain_ending(const Ending& ending) {
  if (ending.exit.success()) return {};
  return ending.exit.signalled ? explain_signal(ending) : explain_status(ending);
}

std::string_view explain_silence(Options::Duration silent,
                                 std::optional<std::chrono::nanoseconds> busy) {
  // Three quarters: it has read its own file, and the kernel counts a wait when it is over.
  if (busy && *busy * 4 >= silent * 3) return "it computed all the time, as an endless loop does";
  return "it waited for something: a file, a lock, another machine";
}

std::string seconds_text(Options::Duration duration) {
  return fmt::format("{:g} s", std::chrono::duration<double>(duration).count());
}

}  // namespace cgisrv::cgi
