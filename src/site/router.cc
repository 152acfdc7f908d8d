#include "site/router.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/text.h"
#include "config/config.h"
#include "pattern/pattern.h"

namespace cgisrv::site {

namespace {

using config::Location;
using config::Match;
using config::MatchKind;

// How well a site's name fits: 0 not at all, more for a longer pattern, most for the exact name.
std::size_t fit(std::string_view name, std::string_view host) {
  if (text::equals_ignoring_case(name, host)) return std::numeric_limits<std::size_t>::max();
  if (!name.starts_with("*.") || host.size() < name.size()) return 0;
  const auto ending = name.substr(1);
  const auto end_of_host = host.substr(host.size() - ending.size());
  return text::equals_ignoring_case(ending, end_of_host) ? name.size() : 0;
}

// The part of a path that locations are matched against.
struct Subject {
  std::string_view plain;
  bool whole = false;     // the path has no other part
  std::size_t after = 0;  // endings count behind it
};

// Length of the path up to the end of its first segment behind `begin` that ends in `ending`; 0 if
// there is none. A segment that consists of the ending is a dotfile.
std::size_t ending_at(const Subject& subject, std::string_view ending, std::size_t begin) {
  while (begin < subject.plain.size()) {
    const auto end = std::min(subject.plain.find('/', begin), subject.plain.size());
    const auto segment = subject.plain.substr(begin, end - begin);
    if (end > subject.after && segment.size() > ending.size() && segment.ends_with(ending))
      return end;
    begin = end + 1;
  }
  return 0;
}

// "/hook" of the prefix "/hook/".
bool is_without_slash(const Location& location, const Subject& subject) {
  return subject.whole && subject.plain.size() + 1 == location.match.text.size() &&
         location.match.text.starts_with(subject.plain);
}

// Whether the prefix without its slash is an address too: of the one program that answers below it,
// or of what is denied, or sent elsewhere.
bool answers_without_slash(const Location& location) {
  return location.program == config::ProgramKind::single || location.deny != config::Deny::no ||
         !location.redirect.to.empty();
}

Candidate match_prefix(const Location& location, const Subject& subject) {
  const std::string& text = location.match.text;
  if (subject.plain.starts_with(text))
    return {&location, says_what_answers(location) ? Rank::deciding_prefix : Rank::prefix,
            text.size()};
  if (answers_without_slash(location) && is_without_slash(location, subject))
    return {&location, Rank::deciding_prefix, subject.plain.size()};
  return {&location};
}

Candidate match(const Location& location, const Subject& subject) {
  const std::string& text = location.match.text;
  const std::string& ending = location.match.ending;
  switch (location.match.kind) {
    case MatchKind::exact:
      if (subject.whole && subject.plain == text) return {&location, Rank::exact, text.size()};
      break;
    case MatchKind::prefix:
      return match_prefix(location, subject);
    case MatchKind::extension:
      if (const auto end = ending_at(subject, text, 0); end > 0)
        return {&location, Rank::ending, end};
      break;
    case MatchKind::prefix_ending:
      if (!subject.plain.starts_with(text)) break;
      if (const auto end = ending_at(subject, ending, text.size()); end > 0)
        return {&location, Rank::deciding_prefix, end};
      break;
    case MatchKind::regex:
      break;  // asked last
  }
  return {&location};
}

// The ending of a location; empty for other kinds.
std::string_view ending_of(const Location& location) {
  return location.match.kind == MatchKind::extension ? location.match.text : location.match.ending;
}

// The first segment with an ending, and there the longest ending.
bool better_ending(const Candidate& a, const Candidate& b) {
  if (a.matched != b.matched) return a.matched < b.matched;
  return ending_of(*a.location).size() > ending_of(*b.location).size();
}

bool better(const Candidate& a, const Candidate& b) {
  if (a.rank != b.rank) return a.rank > b.rank;
  if (a.rank == Rank::ending) return better_ending(a, b);
  if (a.rank == Rank::regex || a.rank == Rank::denying_regex) return false;  // the file's order
  const Match& one = a.location->match;
  const Match& other = b.location->match;
  if (one.text.size() != other.text.size()) return one.text.size() > other.text.size();
  if (one.ending.empty() != other.ending.empty()) return other.ending.empty();
  return !one.ending.empty() && better_ending(a, b);
}

bool is_prefix_of(const Location& location, const Subject& subject) {
  return location.match.kind == MatchKind::prefix && subject.plain.starts_with(location.match.text);
}

Rank rank_of_regex(const Location& location) {
  return location.deny != config::Deny::no ? Rank::denying_regex : Rank::regex;
}

// A match that ends within a segment names all of it; one that ends behind a slash, what is before.
std::size_t end_of_segment(std::string_view plain, std::size_t end) {
  if (end > 1 && plain[end - 1] == '/') return end - 1;
  return std::min(plain.find('/', end), plain.size());
}

bool counts(const Location& location, Choice choice) {
  return !choice.without_try || location.attempts.empty() || location.files_only;
}

Subject subject_of(const http::Path& path, std::size_t after) {
  return {std::string_view(path.text).substr(0, path.plain), path.plain == path.text.size(), after};
}

struct Asked {
  pattern::Captures captures;
  std::optional<Error> failure;
};

// The regular expressions that would go before what has been found.
Asked ask_patterns(const config::Site& site, const Subject& subject, Choice choice,
                   Candidate& best) {
  Asked asked;
  for (const Location& location : site.locations) {
    if (location.match.kind != MatchKind::regex || rank_of_regex(location) <= best.rank ||
        !counts(location, choice))
      continue;
    auto found = location.match.pattern->match(subject.plain);
    if (found && !found->matches) continue;
    best = {&location, rank_of_regex(location)};
    if (!found) return {.failure = std::move(found.error())};
    best.matched = end_of_segment(subject.plain, found->end);
    asked.captures = std::move(found->captures);
  }
  return asked;
}

}  // namespace

bool says_what_answers(const Location& location) {
  return location.program != config::ProgramKind::none || location.files_only ||
         location.deny != config::Deny::no || !location.redirect.to.empty() ||
         !location.attempts.empty();
}

const config::Site& find_site(const config::Config& config, std::string_view host) {
  CGISRV_CHECK(!config.sites.empty());
  if (host.ends_with('.')) host.remove_suffix(1);  // the root of all names: RFC 1034 section 3.1
  const config::Site* best = &config.sites.front();
  std::size_t best_fit = 0;
  for (const config::Site& site : config.sites) {
    for (const std::string& name : site.server_name) {
      if (fit(name, host) <= best_fit) continue;
      best = &site;
      best_fit = fit(name, host);
    }
  }
  return *best;
}

bool host_matches(std::string_view name, std::string_view host) {
  return fit(name, host) > 0;
}

Route find_route(const config::Site& site, const http::Path& path, Choice choice) {
  const Subject subject = subject_of(path, choice.after);
  Candidate best{&site.fallback};
  const Location* alias = nullptr;
  bool has_patterns = false;
  for (const Location& location : site.locations) {
    has_patterns = has_patterns || location.match.kind == MatchKind::regex;
    const Candidate candidate = match(location, subject);
    if (candidate.rank != Rank::none && counts(location, choice) && better(candidate, best))
      best = candidate;
    if (!location.files.empty() && is_prefix_of(location, subject) &&
        (alias == nullptr || location.match.text.size() > alias->match.text.size()))
      alias = &location;
  }
  Asked asked;
  if (has_patterns) asked = ask_patterns(site, subject, choice, best);
  return {.site = site,
          .location = *best.location,
          .rank = best.rank,
          .matched = best.matched,
          .alias = alias,
          .captures = std::move(asked.captures),
          .failure = std::move(asked.failure)};
}

std::vector<Candidate> find_candidates(const config::Site& site, const http::Path& path,
                                       Choice choice) {
  const Subject subject = subject_of(path, choice.after);
  std::vector<Candidate> found;
  for (const Location& location : site.locations) {
    Candidate candidate = match(location, subject);
    if (location.match.kind == MatchKind::regex)
      if (const auto match = location.match.pattern->match(subject.plain); match && match->matches)
        candidate = {&location, rank_of_regex(location), end_of_segment(subject.plain, match->end)};
    if (candidate.rank != Rank::none && counts(location, choice)) found.push_back(candidate);
  }
  std::ranges::stable_sort(found, better);
  return found;
}

std::optional<bool> covers(const Location& location, const http::Path& path) {
  const Subject subject = subject_of(path, 0);
  if (location.match.kind == MatchKind::regex) {
    const auto found = location.match.pattern->match(subject.plain);
    return found ? std::optional(found->matches) : std::nullopt;
  }
  if (location.match.kind == MatchKind::prefix && is_without_slash(location, subject)) return true;
  return match(location, subject).rank != Rank::none;
}

}  // namespace cgisrv::site
