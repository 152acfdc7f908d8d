// Parameters and their values in words, for messages and for the reference.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "server/parameters.h"
#include "server/units.h"

namespace cgisrv::server {

namespace {

std::string quoted(std::string_view text) {
  return fmt::format("\"{}\"", text);
}

std::string number_text(const Parameter& row, std::uint64_t number) {
  if (!row.word.text.empty() && number == row.word.value) return quoted(row.word.text);
  if (row.type == Type::size) return quoted(format_size(number));
  if (row.type == Type::duration) return quoted(format_duration(number));
  return fmt::format("{}", number);
}

// One for each kind of place; empty where there is nothing to show.
std::string shown(const Parameter& row, bool value) {
  if (!row.choices.empty()) return quoted(row.choices[value ? 1 : 0]);
  return value ? "true" : "false";
}
std::string shown(const Parameter& row, unsigned value) {
  return number_text(row, value);
}
std::string shown(const Parameter& row, std::uint64_t value) {
  return number_text(row, value);
}
std::string shown(const Parameter& row, Duration value) {
  return number_text(row, value == duration_unlimited ? bytes_unlimited
                                                      : static_cast<std::uint64_t>(value.count()));
}
std::string shown(const Parameter&, const std::string& value) {
  return value.empty() ? "" : quoted(value);
}
std::string shown(const Parameter&, const std::vector<std::string>& value) {
  return value.empty() ? "" : fmt::format("{}", value);
}
std::string shown(const Parameter& row, const WarmOptions::Preload& value) {
  if (!value.modules.empty()) return shown(row, value.modules);
  return quoted(row.choices[static_cast<std::size_t>(value.imports)]);
}
template <typename T>
std::string shown(const Parameter& row, const T& value) {
  if constexpr (std::is_enum_v<T>) return quoted(row.choices[static_cast<std::size_t>(value)]);
  return "";
}

}  // namespace

std::vector<std::string_view> keys(const Section& section) {
  std::vector<std::string_view> found;
  for (const Parameter& parameter : section.parameters) {
    if (parameter.type != Type::merged) {
      found.push_back(parameter.key);
    } else {
      for (const auto key : keys(*parameter.inside))
        found.push_back(key);
    }
  }
  return found;
}

std::vector<std::string_view> sections_with(std::string_view key) {
  std::vector<std::string_view> found;
  for (const Section* section : sections()) {
    const auto accepted = keys(*section);
    if (std::ranges::find(accepted, key) != accepted.end()) found.push_back(section->name);
  }
  return found;
}

std::string value_text(const Parameter& row, Part part) {
  return std::visit([&](const auto* value) { return shown(row, *value); }, row.slot(part));
}

std::string range_text(const Parameter& row) {
  std::vector<std::string> words;
  if (row.range.max > 0)
    words.push_back(fmt::format("{} to {}{}{}", number_text(row, row.range.min),
                                number_text(row, row.range.max), row.unit.empty() ? "" : " ",
                                row.unit));
  if (row.type == Type::choice || row.type == Type::modules) {
    for (const auto choice : row.choices)
      words.push_back(quoted(choice));
  }
  if (!row.word.text.empty()) words.push_back(quoted(row.word.text));
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string_view type_text(Type type) {
  switch (type) {
    case Type::boolean:
      return "true or false";
    case Type::integer:
      return "whole number";
    case Type::size:
      return "size";
    case Type::duration:
      return "duration";
    case Type::text:
      return "text";
    case Type::path:
      return "path";
    case Type::choice:
      return "choice";
    case Type::list:
      return "list of texts";
    case Type::modules:
      return "choice, or list of texts";
    case Type::program:
      return "true, false, or path";
    case Type::variables:
      return "table of texts";
    case Type::table:
      return "table";
    case Type::tables:
      return "tables";
    case Type::merged:
      break;
  }
  return "";
}

std::string expectation(const Parameter& row) {
  const std::string range = range_text(row);
  switch (row.type) {
    case Type::boolean:
      return "true or false";
    case Type::integer:
      return fmt::format("a whole number: {}", range);
    case Type::size:
      return fmt::format("a size such as \"10m\": {}", range);
    case Type::duration:
      return fmt::format("a duration such as \"10s\": {}", range);
    case Type::text:
      return "a text in quotes";
    case Type::path:
      return "a path in quotes";
    case Type::choice:
      return fmt::format("one of {}", range);
    case Type::modules:
      return fmt::format("one of {}, or a list of modules", range);
    case Type::list:
      return "a list of texts, such as [\"one\", \"two\"]";
    case Type::program:
      return "true, false, or the path of a program or a directory of them";
    case Type::variables:
      return "a table of texts, such as { NAME = \"value\" }";
    case Type::table:
    case Type::tables:
      return "a table";
    case Type::merged:
      break;
  }
  return "";
}

}  // namespace cgisrv::server
