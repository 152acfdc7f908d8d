#include "warm/recipe.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <string_view>

#include "base/text.h"
#include "process/shebang.h"
#include "warm/binary.h"
#include "warm/command.h"
#include "warm/variables.h"

namespace cgisrv::warm {

namespace {

using namespace std::string_view_literals;

using Variables = std::map<std::string, std::string, std::less<>>;

constexpr auto shim = "/libcgisrv-warm.so"sv;
constexpr std::array parts = {shim,
                              "/warm.pl"sv,
                              "/warm_learn.pl"sv,
                              "/warm.py"sv,
                              "/warm_load.py"sv,
                              "/warm_end.py"sv,
                              "/warm_learn.py"sv};

// Empty: its path can be used in LD_PRELOAD, ld.so(8), and in double quotes in Perl.
std::string why_not_library(const std::string& library) {
  if (library.empty())
    return "libcgisrv-warm.so is neither beside the server nor in ../lib/cgisrv; install it there.";
  const auto is_special = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 127 || "\"$@\\:"sv.contains(c);
  };
  if (!library.starts_with('/') || std::ranges::any_of(library, is_special))
    return fmt::format(
        "libcgisrv-warm.so is in '{}', whose name has a character that the loader or Perl takes "
        "for something else; install the server elsewhere.",
        text::escape(library));
  return {};
}

// False for values that no environment can hold, and for variables of a request.
bool is_constant(const std::string& name, const std::string& value) {
  return !name.empty() && name.find_first_of("=\0"sv) == name.npos && !value.contains('\0') &&
         !cgisrv_warm_is_of_request(name.c_str());
}

// As in cgi::build_environment(): a configured variable does not supersede a computed one.
std::expected<Variables, std::string> constant_variables(const WarmProgram& program) {
  Variables all = {{"PATH", std::string(process::default_path)}};
  for (const auto& [name, value] : program.variables) {
    if (name.starts_with("CGISRV_WARM"))
      return std::unexpected(
          fmt::format("Its location sets {}, a name that the server needs for itself; choose "
                      "another one.",
                      text::escape(name, 200)));
    if (is_constant(name, value)) all[name] = value;
  }
  all["GATEWAY_INTERFACE"] = "CGI/1.1";
  all["SERVER_SOFTWARE"] = "cgisrv/" CGISRV_VERSION;
  all["REDIRECT_STATUS"] = "200";
  all["SCRIPT_FILENAME"] = program.file;
  if (!program.root.empty()) all["DOCUMENT_ROOT"] = program.root;
  return all;
}

// Ours comes first; the library restores the program's own.
void add_preload(Variables& variables, const std::string& library, bool is_native) {
  std::string& preload = variables["LD_PRELOAD"];
  preload = std::string(library).append(shim).append(preload.empty() ? "" : ":").append(preload);
  variables["CGISRV_WARM"] = is_native ? "main" : "fork";
  if (is_native) variables["LD_BIND_NOW"] = "1";
}

std::string_view name_of(Options::Preload::Imports imports) {
  constexpr std::array names = {"standard"sv, "all"sv, "none"sv};
  return names.at(static_cast<std::size_t>(imports));
}

// The bootstraps' arguments are described in src/warm/perl and src/warm/python.
std::vector<std::string> arguments(const Command& command, const std::string& file,
                                   const Options& options, const std::string& library) {
  std::vector<std::string> argv = {command.name};
  if (command.language == Language::native) return argv;
  const auto& [imports, modules] = options.preload;
  if (command.language == Language::perl) {
    std::string words = std::to_string(slate_fd);
    for (const auto& name : modules)
      words.append(",\"").append(name).append("\"");
    argv.push_back(fmt::format("-M5;BEGIN{{(require\"{}/warm.pl\")->({})}}", library, words));
  }
  argv.insert(argv.end(), command.options.begin(), command.options.end());
  if (command.language == Language::python) {
    const bool is_full = options.finalize == Options::Finalize::full;
    std::string words(name_of(imports));
    for (const auto& name : modules)
      words.append(",").append(name);
    argv.insert(argv.end(), {library + "/warm.py", std::to_string(slate_fd), std::move(words),
                             is_full ? "full" : "quick"});
  }
  argv.push_back(file);
  return argv;
}

}  // namespace

std::expected<Recipe, WhyCold> make_recipe(const WarmProgram& program, const Options& options,
                                           const std::string& library) {
  if (auto why = why_not_library(library); !why.empty()) return std::unexpected(std::move(why));
  auto variables = constant_variables(program);
  if (!variables) return std::unexpected(std::move(variables.error()));
  const auto command = find_command(program.file, program.interpreter, variables->at("PATH"));
  if (!command) return std::unexpected(command.error());
  const bool is_native = command->language == Language::native;
  const auto it =
      is_native ? std::string("It") : "Its interpreter " + text::escape(command->executable, 200);
  const auto why = why_not_preloaded(command->executable);
  if (!why) return std::unexpected(WhyCold::for_now(fmt::format("{} {}.", it, why.error().what)));
  if (!why->empty()) return std::unexpected(WhyCold(fmt::format("{} {}.", it, *why), is_native));
  add_preload(*variables, library, is_native);
  if (!options.learn.empty()) (*variables)["CGISRV_WARM_LEARN"] = options.learn;
  const unsigned usual = is_native ? 0 : 1;
  (*variables)["CGISRV_WARM_WAITING"] =
      std::to_string(options.waiting == Options::waiting_automatic ? usual : options.waiting);
  Recipe recipe{.executable = command->executable,
                .argv = arguments(*command, program.file, options, library),
                .umask = program.umask,
                .is_native = is_native};
  for (const auto& [name, value] : *variables)
    recipe.environment.push_back(fmt::format("{}={}", name, value));
  return recipe;
}

std::string find_library(const std::string& server) {
  std::error_code ignored;
  const auto beside = std::filesystem::read_symlink(server, ignored).parent_path();
  if (beside.empty()) return {};
  for (const auto& folder : {beside, beside / "../lib/cgisrv"}) {
    const auto found = std::filesystem::canonical(folder, ignored).string();
    const auto has = [&found](std::string_view name) {
      return ::access((found + std::string(name)).c_str(), R_OK) == 0;
    };
    if (!found.empty() && std::ranges::all_of(parts, has)) return found;
  }
  return {};
}

}  // namespace cgisrv::warm
