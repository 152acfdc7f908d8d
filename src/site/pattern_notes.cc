#include "site/pattern_notes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "config/config.h"
#include "config/key_lines.h"
#include "config/value_check.h"
#include "site/router.h"

namespace cgisrv::site {

namespace {

using config::Location;
using config::MatchKind;

// Whether a bar stands outside all groups: then its beginning is that of one branch alone.
bool has_branches(std::string_view expression) {
  int depth = 0;
  bool in_set = false;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\\') {
      ++i;
    } else if (in_set) {
      in_set = c != ']';
    } else if (c == '[') {
      in_set = true;
      if (expression.substr(i + 1).starts_with('^')) ++i;
      if (expression.substr(i + 1).starts_with(']')) ++i;  // one of the set
    } else if (c == '|' && depth == 0) {
      return true;
    } else {
      depth += (c == '(') - (c == ')');
    }
  }
  return false;
}

using Keys = std::vector<std::string_view>;

// The keys that a location has, but for those.
Keys keys_without(const Location& location, const Keys& those) {
  Keys keys;
  for (const config::KeyLine& line : location.lines)
    if (!line.key.empty() && std::ranges::find(those, line.key) == those.end())
      keys.emplace_back(line.key);
  return keys;
}

// The keys of the prefix that an answer of the expression would have had.
Keys lost_keys(const Location& pattern, const Location& prefix) {
  if (!pattern.redirect.to.empty() || !pattern.attempts.empty()) return {};
  Keys held = {"match", "allow", "auth", "files", "index", "listing"};
  for (const config::KeyLine& line : pattern.lines)
    held.emplace_back(line.key);
  if (pattern.program != config::ProgramKind::none)  // these are for files
    held.insert(held.end(), {"cache", "charset", "types"});
  return keys_without(prefix, held);
}

// Of two prefixes of one path, the one with the greater rank answers.
auto rank(const Location& prefix) {
  return std::pair(says_what_answers(prefix), prefix.match.text.size());
}

std::string place_of(const config::Config& config, const Location& location) {
  return place_text(config, config::find_line(location.lines, {"match", ""}));
}

void note_pair(const config::Config& config, const Location& pattern, const Location& prefix,
               std::vector<std::string>& notes) {
  const std::string match = config::format_match(pattern.match);
  if (says_what_answers(prefix)) {
    if (prefix.attempts.empty() && !keys_without(pattern, {"match", "allow", "auth"}).empty())
      notes.push_back(fmt::format(
          "{}location {} never answers, since location {} goes before it: of its keys only allow "
          "and auth hold; match a longer prefix, or an exact path, or write that prefix as a "
          "regular "
          "expression, too, below this one",
          place_of(config, pattern), match, prefix.match.text));
  } else if (const Keys lost = lost_keys(pattern, prefix); !lost.empty()) {
    notes.push_back(fmt::format(
        "{}location {} goes before location {}: what it matches is answered without {} of that",
        place_of(config, pattern), match, prefix.match.text, fmt::join(lost, ", ")));
  }
}

}  // namespace

std::string literal_beginning(std::string_view expression) {
  if (!expression.starts_with('^') || has_branches(expression)) return {};
  std::string literal;
  for (std::size_t i = 1; i < expression.size(); ++i) {
    char c = expression[i];
    if (c == '\\') {
      if (++i == expression.size()) break;
      c = expression[i];
      if (text::is_alpha(c) || text::is_digit(c)) break;  // stands for something else
    } else if (std::string_view("?*{").contains(c)) {     // what is before it may be missing
      if (!literal.empty()) literal.pop_back();
      break;
    } else if (std::string_view(".[(+$^)").contains(c)) {
      break;
    }
    literal += c;
  }
  return literal;
}

void note_patterns(const config::Config& config, std::vector<std::string>& notes) {
  for (const config::Site& site : config.sites)
    for (const Location& pattern : site.locations) {
      if (pattern.match.kind != MatchKind::regex || pattern.deny != config::Deny::no) continue;
      const std::string beginning = literal_beginning(pattern.match.text);
      const Location* best = nullptr;
      for (const Location& prefix : site.locations)
        if (prefix.match.kind == MatchKind::prefix && beginning.starts_with(prefix.match.text) &&
            (best == nullptr || rank(prefix) > rank(*best)))
          best = &prefix;
      if (best != nullptr) note_pair(config, pattern, *best, notes);
    }
}

}  // namespace cgisrv::site
