// Collects the faults of a configuration, so that one reading reports all of them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "config/document.h"

namespace cgisrv::config {

// "line 12", and of which file, if that is another than that of `here`.
inline std::string line_of(const Position& there, const Position& here) {
  if (!there.file || !here.file || *there.file == *here.file)
    return fmt::format("line {}", there.line);
  return fmt::format("line {} of {}", there.line, *there.file);
}

class Faults {
 public:
  explicit Faults(std::string file) : file_(std::move(file)) {}

  template <typename... Args>
  void add(const Position& at, fmt::format_string<Args...> format, Args&&... args) {
    errors_.push_back({at.file ? *at.file : file_, at.line, at.column,
                       fmt::format(format, std::forward<Args>(args)...)});
  }
  void add(ConfigError error) { errors_.push_back(std::move(error)); }
  bool empty() const { return errors_.empty(); }
  // The main file's first.
  std::vector<ConfigError> in_order_of_file() && {
    std::ranges::stable_sort(errors_, {}, [this](const ConfigError& error) {
      return std::tuple(error.file != file_, error.file, error.line, error.column);
    });
    return std::move(errors_);
  }

 private:
  std::string file_;
  std::vector<ConfigError> errors_;
};

}  // namespace cgisrv::config
