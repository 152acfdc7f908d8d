// Whether a program did the same warm as cold, apart from what differs from one cold run to the
// next. Pure: texts in, a finding out.
//
// Texts are compared line by line. A line in which cold runs differ is compared word by word, and
// the words in which they differ are masked: anything may stand there. Where cold runs have not the
// same number of lines (or words), what they have in common at both ends is compared, and what is
// between that is masked.
//
// A masked word tells something nonetheless: it is a process id, a time, a random number. One that
// no cold run has, and all warm runs have, was made once and is handed to every request: frozen.
// Cold and warm runs have to take turns for that, since a clock may stand still in between.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace cgisrv::exec {

struct Likeness {
  enum class Kind : std::uint8_t { same, differs, frozen };
  Kind kind = Kind::same;
  std::size_t line = 0;  // where the first difference is, from 1
  std::string cold;      // what stands there: the line or, where it is frozen, two of the values
  std::string warm;
  std::size_t lines = 0;  // of the first cold run
  std::size_t words = 0;
  std::size_t masked_lines = 0;
  std::size_t masked_words = 0;
  std::string masked;  // the first of them
};

// Each run's text; at least two cold ones and a warm one.
Likeness compare(std::span<const std::string> cold, std::span<const std::string> warm);

}  // namespace cgisrv::exec
