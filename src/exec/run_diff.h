// Whether a program did the same warm as cold, apart from what also differs between cold runs.
// Pure: texts in, a finding out.
//
// Texts are compared line by line. A line in which cold runs differ is compared word by word, and
// the words in which they differ are masked: anything may stand there. If cold runs have different
// numbers of lines (or words), their common beginning and end are compared, and the part between is
// masked.
//
// A masked word is informative nonetheless: it is a process id, a time, a random number. One that
// no cold run has, and all warm runs have, was made once and is given to every request: frozen.
// Cold and warm runs must alternate for that, since a clock may stand still in between.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace cgisrv::exec {

struct RunDiff {
  enum class Kind : std::uint8_t { same, differs, frozen };
  Kind kind = Kind::same;
  std::size_t line = 0;  // where the first difference is, from 1
  std::string cold;      // the line or, where it is frozen, two of the values
  std::string warm;
  std::size_t lines = 0;  // of the first cold run
  std::size_t words = 0;
  std::size_t masked_lines = 0;
  std::size_t masked_words = 0;
  std::string masked;  // the first of them
};

// Each run's text; at least two cold ones and a warm one.
RunDiff compare(std::span<const std::string> cold, std::span<const std::string> warm);

}  // namespace cgisrv::exec
