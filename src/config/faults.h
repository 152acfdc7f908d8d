// Collects the faults of a configuration, so that one reading reports all of them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"

namespace cgisrv::config {

class Faults {
 public:
  explicit Faults(std::string file) : file_(std::move(file)) {}

  template <typename... Args>
  void add(const Position& at, fmt::format_string<Args...> format, Args&&... args) {
    errors_.push_back(
        {file_, at.line, at.column, fmt::format(format, std::forward<Args>(args)...)});
  }
  bool empty() const { return errors_.empty(); }
  std::vector<ConfigError> in_order_of_file() && {
    std::ranges::stable_sort(
        errors_, {}, [](const ConfigError& error) { return std::pair(error.line, error.column); });
    return std::move(errors_);
  }

 private:
  std::string file_;
  std::vector<ConfigError> errors_;
};

}  // namespace cgisrv::config
