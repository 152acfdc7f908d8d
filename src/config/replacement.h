// A text with names in braces, which each request replaces: "/browse?commit={id}".
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cgisrv::config {

class Replacement {
 public:
  // What stands in place of a name, behind what has been made so far.
  using Lookup = std::function<std::string(std::string_view name, std::string_view before)>;

  Replacement() = default;
  // A brace that is meant itself is written twice.
  static Result<Replacement> parse(const std::string& text);

  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }  // as written
  std::vector<std::string_view> names() const;
  bool has_names() const;
  // What stands before the first name.
  std::string_view front() const;
  // What stands between the names.
  std::string fixed() const;
  std::string replace(const Lookup& lookup) const;

 private:
  struct Piece {
    std::string text;
    bool is_name = false;
  };
  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace cgisrv::config
