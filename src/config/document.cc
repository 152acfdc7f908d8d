#include "config/document.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "base/text.h"
#include "config/habits.h"

namespace cgisrv::config {

namespace {

Position position(const toml::source_region& source) {
  return {source.begin.line, source.begin.column, source.path};
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
    // toml++ sorts by name; variables and messages need the order of the file.
    std::ranges::sort(table, {},
                      [](const KeyValue& e) { return std::pair(e.at.line, e.at.column); });
  }
  return value;
}

constexpr std::string_view left_quote = "\u201c";
constexpr std::string_view right_quote = "\u201d";

// The remedy for a common first mistake in TOML; empty: unknown.
std::string_view advice_on_toml(std::string_view problem, std::string_view line) {
  struct Mistake {
    std::string_view words;
    std::string_view advice;
  };
  constexpr Mistake mistakes[] = {
      {"inline table: expected key or closing '}', saw '\\n'",
       "; a table in braces stands on one line, or write its keys below a [header] of its own"},
      {"dangling comma", "; remove the last comma before }"},
      {"could not determine value type", "; texts stand in quotes: key = \"value\""},
      {"decimal integer: expected digit", "; sizes and durations stand in quotes: \"10m\", \"5s\""},
      {"parsing time:", "; texts stand in quotes: \"127.0.0.1:8888\""},
      {"parsing date", "; texts stand in quotes: key = \"value\""},
      {"parsing boolean", "; write true or false, in small letters"},
      {"expected a comment or whitespace", "; a line ends after its value, without ; or ,"},
      {"key-value pair: expected '='", "; write key = value, one on each line"},
      {"unescaped control characters",
       "; the quote that opens this text is not closed on its line"},
      {"saw ';'", "; a comment begins with #"},
      {"saw '/'", "; a comment begins with #"},
      {"saw '{'", "; JSON is not read: write [[site]] on a line, and below it root = \"/path\""},
      {"invalid utf-8", "; save the file as UTF-8: iconv -f latin1 -t utf-8 FILE"},
      {"parsing array: expected comma", "; commas stand between the items of a list"},
      {"expected ']', saw", "; a header ends as it begins: [log], [[site]]"},
      {"redefine existing table 'site.location'",
       "; [[site.location]] may stand several times: write it with two brackets"},
      {"redefine existing table 'site'",
       "; [[site]] may stand several times: write it with two brackets, and each [[site.location]] "
       "below the [[site]] that it is of"},
      {"redefine existing table 'listen'",
       "; [[listen]] may stand several times: write it with two brackets"},
      {"cannot redefine existing", "; it stands there twice: leave one of them out"},
      {"unknown escape sequence", "; write the text in single quotes to have its backslashes"},
  };
  if (line.contains(left_quote) || line.contains(right_quote))
    return "; the quotes are curly: write straight ones, as in key = \"value\"";
  for (const Mistake& mistake : mistakes)
    if (problem.contains(mistake.words)) return mistake.advice;
  return {};
}

// The line of that number, from 1 on.
std::string_view line_at(std::string_view text, unsigned number) {
  while (--number > 0)
    text::take_until(text, '\n');
  return text::trim(text::take_until(text, '\n'));
}

std::string why_no_toml(std::string_view problem, std::string_view line) {
  if (const auto advice = advice_on_line(line); !advice.empty())
    return fmt::format("not TOML: \"{}\" is a line for another server; {}",
                       text::printable(line, 60), advice);
  return fmt::format("not TOML: {}{}", text::printable(problem), advice_on_toml(problem, line));
}

}  // namespace

const Value* Value::find(std::string_view key) const {
  const auto* table = as<Table>();
  if (table == nullptr) return nullptr;
  const auto found = std::ranges::find(*table, key, &KeyValue::key);
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
    return std::unexpected(ConfigError{file, at.line, at.column,
                                       why_no_toml(error.description(), line_at(text, at.line))});
  }
}

}  // namespace cgisrv::config
