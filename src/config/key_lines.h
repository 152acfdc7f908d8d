// Where the keys of a configuration stand, for messages.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "config/forward.h"

namespace cgisrv::config {

struct Value;  // document.h

// Where a key of a table stands; its header has an empty key.
struct KeyLine {
  std::string key;
  unsigned line = 0;
  std::string file;               // empty: the configuration's own
  std::vector<KeyLine> inside{};  // of a table: where its keys stand

  bool operator==(const KeyLine&) const = default;
};
using KeyLines = std::vector<KeyLine>;

// Of a table of the configuration.
KeyLines lines_of(const Value& table);

// Where the first of the keys stands that is there; null: none of them is.
const KeyLine* find_line(const KeyLines& lines, std::initializer_list<std::string_view> keys);

// " (FILE:12)", or " (line 12)" where the file is not known, to go on with; empty for null.
std::string line_text(const KeyLine* line);

// "FILE:12: ", to begin a message with; empty for null.
std::string place_text(const Config& config, const KeyLine* line);

}  // namespace cgisrv::config
