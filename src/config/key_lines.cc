#include "config/key_lines.h"

#include <fmt/format.h>

#include "config/config.h"
#include "config/document.h"

namespace cgisrv::config {

namespace {

std::string file_of(const Position& at) {
  return at.file ? *at.file : std::string();
}

}  // namespace

KeyLines lines_of(const Value& table) {
  KeyLines lines = {{"", table.at.line, file_of(table.at)}};
  if (const auto* entries = table.as<Value::Table>())
    for (const KeyValue& entry : *entries) {
      const bool is_table = entry.value.as<Value::Table>() != nullptr;
      lines.push_back({entry.key, entry.at.line, file_of(entry.at),
                       is_table ? lines_of(entry.value) : KeyLines()});
    }
  return lines;
}

const KeyLine* find_line(const KeyLines& lines, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys)
    for (const KeyLine& each : lines)
      if (each.key == key) return &each;
  return nullptr;
}

std::string line_text(const KeyLine* line) {
  if (line == nullptr) return {};
  return line->file.empty() ? fmt::format(" (line {})", line->line)
                            : fmt::format(" ({}:{})", line->file, line->line);
}

std::string place_text(const Config& config, const KeyLine* line) {
  if (line == nullptr) return {};
  return fmt::format("{}:{}: ", line->file.empty() ? config.file : line->file, line->line);
}

}  // namespace cgisrv::config
