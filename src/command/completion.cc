#include "command/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <iterator>
#include <vector>

namespace cgisrv::command {

namespace {

enum class Argument { none, file, directory, other };

struct Flag {
  std::vector<std::string> names;  // "-c", "--config"
  Argument argument = Argument::none;
};

struct Verb {
  std::string name;  // empty: no command
  std::vector<Flag> flags;
  Argument argument = Argument::none;  // of the first positional
};

Argument argument_of(const CLI::Option& option) {
  if (option.get_items_expected_min() == 0) return Argument::none;
  const std::string name = option.get_type_name();
  if (name == "FILE") return Argument::file;
  return name == "DIR" ? Argument::directory : Argument::other;
}

Flag flag_of(const CLI::Option& option) {
  Flag flag{.names = {}, .argument = argument_of(option)};
  for (const auto& name : option.get_snames())
    flag.names.push_back("-" + name);
  for (const auto& name : option.get_lnames())
    flag.names.push_back("--" + name);
  return flag;
}

Verb verb_of(const CLI::App& app, std::string name) {
  Verb verb{.name = std::move(name), .flags = {}};
  for (const CLI::Option* option : app.get_options())
    if (option->nonpositional()) {
      verb.flags.push_back(flag_of(*option));
    } else if (verb.argument == Argument::none) {
      verb.argument = argument_of(*option);
    }
  return verb;
}

// The server's own first.
std::vector<Verb> verbs_of(const CLI::App& app) {
  std::vector<Verb> verbs{verb_of(app, "")};
  for (const CLI::App* command : app.get_subcommands(nullptr))
    verbs.push_back(verb_of(*command, command->get_name()));
  return verbs;
}

std::vector<std::string> names_of(const std::vector<Verb>& verbs) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs)
    if (!verb.name.empty()) names.push_back(verb.name);
  return names;
}

std::string words_of(const Verb& verb) {
  std::vector<std::string> words;
  for (const Flag& flag : verb.flags)
    words.insert(words.end(), flag.names.begin(), flag.names.end());
  return fmt::format("{}", fmt::join(words, " "));
}

// ---- bash --------------------------------------------------------------------------------------

std::string_view bash_action(Argument argument) {
  if (argument == Argument::file)
    return "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\"))";
  if (argument == Argument::directory)
    return "compopt -o filenames; COMPREPLY=($(compgen -d -- \"$word\"))";
  return ":";
}

std::string bash_words(const std::string& words) {
  return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$word\"))", words);
}

std::string for_bash(const std::vector<Verb>& verbs) {
  std::string script = R"(# bash completion for cgisrv, from `cgisrv completion bash`
_cgisrv() {
  local word=${COMP_WORDS[COMP_CWORD]} verb='' each
  COMPREPLY=()
  for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $each in
)";
  auto out = std::back_inserter(script);
  fmt::format_to(out, "      {}) verb=$each; break ;;\n    esac\n  done\n",
                 fmt::join(names_of(verbs), " | "));
  fmt::format_to(out, "  case $verb:${{COMP_WORDS[COMP_CWORD-1]}} in\n");
  for (const Verb& verb : verbs)
    for (const Flag& flag : verb.flags)
      if (flag.argument != Argument::none)
        fmt::format_to(out, "    {0}:{1}) {2}; return ;;\n", verb.name,
                       fmt::join(flag.names, fmt::format(" | {}:", verb.name)),
                       bash_action(flag.argument));
  fmt::format_to(out, "  esac\n  case $verb:$word in\n");
  for (const Verb& verb : verbs)
    fmt::format_to(out, "    {}:-*) {} ;;\n    {}:*) {} ;;\n", verb.name,
                   bash_words(words_of(verb)), verb.name, bash_action(verb.argument));
  fmt::format_to(out, "  esac\n  [ -n \"$verb\" ] || [[ $word = -* ]] ||\n    COMPREPLY+=({})\n",
                 fmt::format("$(compgen -W '{}' -- \"$word\")", fmt::join(names_of(verbs), " ")));
  return script + "}\ncomplete -F _cgisrv cgisrv\n";
}

// ---- zsh ---------------------------------------------------------------------------------------

std::string_view zsh_action(Argument argument) {
  if (argument == Argument::file) return "FILE:_files";
  return argument == Argument::directory ? "DIR:_files -/" : "value: ";
}

// One entry for each name. The list in front says that a short and a long one are the same option.
void append_zsh_flags(std::string& script, const Verb& verb) {
  for (const Flag& flag : verb.flags)
    for (const std::string& name : flag.names) {
      fmt::format_to(std::back_inserter(script), " \\\n    '({}){}", fmt::join(flag.names, " "),
                     name);
      if (flag.argument != Argument::none)
        fmt::format_to(std::back_inserter(script), ":{}", zsh_action(flag.argument));
      script += '\'';
    }
}

std::string for_zsh(const std::vector<Verb>& verbs) {
  std::string script = R"(#compdef cgisrv
# zsh completion for cgisrv, from `cgisrv completion zsh`
local verb=${words[(r)()";
  auto out = std::back_inserter(script);
  fmt::format_to(out, "{})]}}\ncase $verb in\n", fmt::join(names_of(verbs), "|"));
  for (const Verb& verb : verbs) {
    fmt::format_to(out, "  {}) _arguments -s", verb.name.empty() ? std::string("''") : verb.name);
    append_zsh_flags(script, verb);
    if (verb.name.empty()) {
      fmt::format_to(
          out, " \\\n    '1: :{{_alternative \"commands:command:({})\" \"dirs:DIR:_files -/\"}}'",
          fmt::join(names_of(verbs), " "));
    } else {
      fmt::format_to(out, " \\\n    '1:command:({})'", verb.name);
      if (verb.argument != Argument::none)
        fmt::format_to(out, " \\\n    '2:{}'", zsh_action(verb.argument));
    }
    fmt::format_to(out, " ;;\n");
  }
  return script + "esac\n";
}

// ---- fish --------------------------------------------------------------------------------------

void append_fish_flag(std::string& script, const std::string& condition, const Flag& flag) {
  fmt::format_to(std::back_inserter(script), "complete -c cgisrv -n '{}'", condition);
  for (const std::string& name : flag.names)
    script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (flag.argument != Argument::none) script += flag.argument == Argument::file ? " -rF" : " -x";
  if (flag.argument == Argument::directory) script += " -a '(__fish_complete_directories)'";
  script += '\n';
}

std::string for_fish(const std::vector<Verb>& verbs) {
  std::string script = "# fish completion for cgisrv, from `cgisrv completion fish`\n";
  const auto all = fmt::format("{}", fmt::join(names_of(verbs), " "));
  const auto none = "not __fish_seen_subcommand_from " + all;
  fmt::format_to(std::back_inserter(script),
                 "complete -c cgisrv -f\ncomplete -c cgisrv -n '{0}' -a '{1}'\n"
                 "complete -c cgisrv -n '{0}' -a '(__fish_complete_directories)'\n",
                 none, all);
  for (const Verb& verb : verbs) {
    const auto condition = verb.name.empty() ? none : "__fish_seen_subcommand_from " + verb.name;
    for (const Flag& flag : verb.flags)
      append_fish_flag(script, condition, flag);
    if (!verb.name.empty() && verb.argument == Argument::file)
      fmt::format_to(std::back_inserter(script), "complete -c cgisrv -n '{}' -F\n", condition);
  }
  return script;
}

}  // namespace

std::string completion(const CLI::App& app, std::string_view shell) {
  const auto verbs = verbs_of(app);
  if (shell == "bash") return for_bash(verbs);
  return shell == "zsh" ? for_zsh(verbs) : for_fish(verbs);
}

}  // namespace cgisrv::command
