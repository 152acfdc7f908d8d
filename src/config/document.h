// A TOML file as plain values that know their position. Hides toml++, which is slow to compile,
// inside document.cc.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.h"

namespace cgisrv::config {

struct Position {
  unsigned line = 0;  // both count from 1
  unsigned column = 0;
  std::shared_ptr<const std::string> file;  // as it was named; null: the only one there is
};

struct KeyValue;
struct Unsupported {
  std::string_view what;  // "a date"
};

struct Value {
  using List = std::vector<Value>;
  using Table = std::vector<KeyValue>;  // in the order of the file

  Position at;
  std::variant<Unsupported, bool, std::int64_t, std::string, List, Table> data;

  template <typename T>
  const T* as() const {
    return std::get_if<T>(&data);
  }
  // The value of that key; null when there is none, or this is no table.
  const Value* find(std::string_view key) const;
  // For messages: the value itself if short, else its kind.
  std::string describe() const;
};

struct KeyValue {
  std::string key;
  Position at;
  Value value;
};

// The file's table, or its first syntax error.
std::expected<Value, ConfigError> parse_document(std::string_view text, const std::string& file);

}  // namespace cgisrv::config
