// What an administrator should know of regular expressions and prefixes that fit the same paths.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/forward.h"

namespace cgisrv::site {

// What each path that the expression matches begins with, as far as its text shows; empty: that
// cannot be told. Pure.
std::string literal_beginning(std::string_view expression);

// Expressions that never answer, as a prefix goes before them; and prefixes whose keys do not hold,
// as an expression goes before them. Which of two others wins is in the router (Rank).
void note_patterns(const config::Config& config, std::vector<std::string>& notes);

}  // namespace cgisrv::site
