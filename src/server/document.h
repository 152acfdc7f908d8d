// A TOML file as plain values that know where they stand. Keeps toml++, which is slow to compile,
// inside document.cc.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/config.h"

namespace cgisrv::server {

struct Position {  // both count from 1
  unsigned line = 0;
  unsigned column = 0;
};

struct Entry;
struct Unsupported {
  std::string_view what;  // "a date"
};

struct Value {
  using List = std::vector<Value>;
  using Table = std::vector<Entry>;  // in the order of the file

  Position at;
  std::variant<Unsupported, bool, std::int64_t, std::string, List, Table> data;

  template <typename T>
  const T* as() const {
    return std::get_if<T>(&data);
  }
  // The value of that key; null when there is none, and when this is no table.
  const Value* find(std::string_view key) const;
  // For messages: the value itself where it is short, else what kind it is.
  std::string describe() const;
};

struct Entry {
  std::string key;
  Position at;
  Value value;
};

// The file's table, or the first thing in it that is not TOML.
std::expected<Value, ConfigError> parse_document(std::string_view text, const std::string& file);

}  // namespace cgisrv::server
