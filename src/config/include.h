// `include`: what further files say, as if it stood in the table that names them.
#pragma once

#include <string>
#include <vector>

#include "config/document.h"
#include "config/faults.h"

namespace cgisrv::config {

struct Included {
  std::vector<std::string> files;  // that were read, in their order
  std::vector<std::string> empty;  // patterns that led to none, a sentence each
};

// Joins to `root` what the files name that are included by it or by one of its sites. A pattern
// (glob(7)) gives its files in the order of their names, and may give none; a plain name must lead
// to a file. Relative ones begin at the folder of the file that names them. Tables are joined, and
// [[tables]] appended; a key that is said twice is a fault. An included file may include others.
// `file`: where `root` was read.
Included join_included(Value& root, const std::string& file, Faults& faults);

// A file's table alone, or why it cannot be read.
std::expected<Value, ConfigError> read_document(const std::string& file);

}  // namespace cgisrv::config
