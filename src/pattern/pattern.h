// Regular expressions, by PCRE2, with bounds: no path and no pattern keeps a process busy for long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cgisrv::pattern {

// What a group has captured. `name`: its own, or its number; refers to the pattern.
struct Capture {
  std::string_view name;
  std::string text;
};
using Captures = std::vector<Capture>;

struct Matched {
  bool matches = false;
  std::size_t end = 0;  // of the match, in the text
  Captures captures;    // groups that took part; of the whole match too, as "0"
};

// A compiled expression. Copies share it, also after a fork, but not over threads.
class Pattern {
 public:
  // Longer ones are refused: a path has a meaning that a person can read.
  static constexpr std::size_t pattern_bytes_max = 1000;
  static constexpr std::size_t text_bytes_max = 4096;

  // The error says what is wrong and at which character. Bytes, not UTF-8; case counts, unless the
  // pattern begins with (?i).
  static Result<Pattern> compile(const std::string& text);

  // An error if the text is too long (EMSGSIZE), or the work is used up that the present Budget
  // (budget.h) allows (ELOOP).
  Result<Matched> match(std::string_view text) const;

  // Whether there is a group of that name or number.
  bool has_group(std::string_view name) const;

 private:
  struct Code;
  Result<Matched> match_anew(std::string_view text, std::uint64_t& work) const;
  explicit Pattern(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

  std::shared_ptr<const Code> code_;
};

}  // namespace cgisrv::pattern
