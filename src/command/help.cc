#include "command/help.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <vector>

#include "base/text.h"

namespace cgisrv::command {

namespace {

// "  -l, --listen ADDR:PORT"
std::string names_of(const CLI::Option& option) {
  const auto& letters = option.get_snames();
  const auto begin =
      letters.empty() ? std::string("     ") : fmt::format("  -{},", letters.front());
  const bool is_flag = option.get_items_expected_max() == 0;
  return fmt::format("{} --{}{}{}", begin, option.get_lnames().front(), is_flag ? "" : " ",
                     is_flag ? "" : option.get_type_name());
}

// All of one group; a line of a description is a line of the help.
void append_group(std::string& text, const std::vector<const CLI::Option*>& options,
                  const std::string& group, std::size_t column) {
  for (const CLI::Option* const option : options) {
    if (option->get_group() != group) continue;
    std::string names = names_of(*option);
    const std::string about = option->get_description();
    for (std::string_view rest = about; !rest.empty(); names.clear())
      fmt::format_to(std::back_inserter(text), "{:{}}{}\n", names, column,
                     text::take_until(rest, '\n'));
  }
}

// In the order of their first appearance.
std::vector<const CLI::Option*> options_of(const std::vector<const CLI::App*>& commands) {
  std::vector<const CLI::Option*> options;
  for (const CLI::App* const command : commands)
    for (const CLI::Option* const option : command->get_options())
      if (option->nonpositional() &&
          std::ranges::none_of(options, [&](const auto* seen) { return *seen == *option; }))
        options.push_back(option);
  return options;
}

}  // namespace

std::string help(const CLI::App& app) {
  const auto used = app.get_subcommands();
  const CLI::App& command = used.empty() || used[0]->get_description().empty() ? app : *used[0];
  auto commands = app.get_subcommands(
      [&](const CLI::App* each) { return each->get_description() == command.get_description(); });
  if (commands.empty()) commands.push_back(&app);
  const auto options = options_of(commands);
  std::size_t column = 0;
  std::vector<std::string> groups;
  for (const CLI::Option* const option : options) {
    column = std::max(column, names_of(*option).size() + 2);
    if (std::ranges::find(groups, option->get_group()) == groups.end())
      groups.push_back(option->get_group());
  }
  std::string text = command.get_description();
  for (const std::string& group : groups) {
    if (&group != &groups.front()) fmt::format_to(std::back_inserter(text), "\n{}:\n", group);
    append_group(text, options, group, column);
  }
  return text + command.get_footer();
}

}  // namespace cgisrv::command
