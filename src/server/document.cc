#include "server/document.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "base/text.h"

namespace cgisrv::server {

namespace {

Position position(const toml::source_region& source) {
  return {source.begin.line, source.begin.column};
}

Value convert(const toml::node& node) {
  Value value{position(node.source()), Unsupported{"a date or time"}};
  if (const auto* boolean = node.as_boolean()) value.data = boolean->get();
  if (const auto* integer = node.as_integer()) value.data = integer->get();
  if (const auto* string = node.as_string()) value.data = string->get();
  if (node.is_floating_point()) value.data = Unsupported{"a number with a fraction"};
  if (const auto* array = node.as_array()) {
    auto& list = value.data.emplace<Value::List>();
    for (const toml::node& item : *array)
      list.push_back(convert(item));
  }
  if (const auto* entries = node.as_table()) {
    auto& table = value.data.emplace<Value::Table>();
    for (const auto& [key, item] : *entries)
      table.push_back({std::string(key.str()), position(key.source()), convert(item)});
    // toml++ sorts by name; the order of the file matters for variables and for messages.
    std::ranges::sort(table, {}, [](const Entry& e) { return std::pair(e.at.line, e.at.column); });
  }
  return value;
}

}  // namespace

const Value* Value::find(std::string_view key) const {
  const auto* table = as<Table>();
  if (table == nullptr) return nullptr;
  const auto found = std::ranges::find(*table, key, &Entry::key);
  return found == table->end() ? nullptr : &found->value;
}

std::string Value::describe() const {
  if (const auto* boolean = as<bool>()) return *boolean ? "true" : "false";
  if (const auto* integer = as<std::int64_t>()) return fmt::format("{}", *integer);
  if (const auto* string = as<std::string>())
    return fmt::format("\"{}\"", text::escape(*string, 60));
  if (const auto* other = as<Unsupported>()) return std::string(other->what);
  return as<List>() != nullptr ? "a list" : "a table";
}

std::expected<Value, ConfigError> parse_document(std::string_view text, const std::string& file) {
  try {
    return convert(toml::parse(text, file));
  } catch (const toml::parse_error& error) {
    const Position at = position(error.source());
    return std::unexpected(
        ConfigError{file, at.line, at.column,
                    fmt::format("not TOML: {}", text::printable(error.description()))});
  }
}

}  // namespace cgisrv::server
