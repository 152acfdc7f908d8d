// Where our parser and another make something different of a head, and why ours is right.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "opinion.h"

namespace cgisrv::differential {

inline constexpr std::string_view accepts = "accepts";

// What we make of a head, and what another makes of it instead: `accepts`, a reason to refuse it,
// or what it reads differently.
struct Verdicts {
  std::string ours;
  std::string theirs;  // empty: nothing else
  auto operator<=>(const Verdicts&) const = default;
};

Verdicts compare(const Opinion& ours, const Opinion& theirs);

struct Difference {
  std::string_view ours;
  std::string_view llhttp;  // as in Verdicts::theirs
  std::string_view beast;
  std::string_view example;  // a head that shows both
  std::string_view why;
  bool (*applies)(std::string_view head) = nullptr;  // where the verdicts alone say too little
};

std::span<const Difference> differences();

// docs/differences.md.
std::string differences_page();

}  // namespace cgisrv::differential
