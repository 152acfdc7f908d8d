// From a host and a decoded path to the site and location that answer. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/forward.h"
#include "http/target.h"
#include "pattern/pattern.h"

namespace cgisrv::site {

// Exact names first, then the longest "*." pattern, then the first site. Case is ignored; `host`
// has no port.
const config::Site& find_site(const config::Config& config, std::string_view host);

// Whether "example.org" or "*.example.org" matches the host.
bool host_matches(std::string_view name, std::string_view host);

// How well a location matches a path; a later one goes first. A prefix decides if its location says
// what answers below it: it runs programs, or says cgi = false, deny, redirect or try. One that
// says none of it (it sets a limit, say) leaves endings alone.
enum class Rank : std::uint8_t {
  none,
  prefix,
  regex,
  ending,
  deciding_prefix,
  denying_regex,
  exact,
};

struct Candidate {
  const config::Location* location = nullptr;
  Rank rank = Rank::none;
  // Of an ending or a regular expression: the length of the path up to the end of the segment that
  // has it ("/a/b.cgi" of "/a/b.cgi/info"). Otherwise the length of the prefix, or of the exact
  // path.
  std::size_t matched = 0;
};

struct Route {
  const config::Site& site;
  const config::Location& location;
  Rank rank = Rank::none;  // none: the site's fallback
  std::size_t matched = 0;
  // The longest prefix that holds the path and has `files` of its own, whatever answers; null: the
  // root holds its files.
  const config::Location* alias = nullptr;
  pattern::Captures captures;  // of a regular expression
  // Set if the regular expression of `location` gave up (pattern::Pattern::match): then it is not
  // known which location answers.
  std::optional<Error> failure;
};

// Whether a prefix with that location decides.
bool says_what_answers(const config::Location& location);

// What counts for one question.
struct Choice {
  std::size_t after = 0;     // endings count only in segments that end behind it
  bool without_try = false;  // locations with `try` do not count, but for their cgi = false
};

// Order: exact; a regular expression that denies; the longest deciding prefix, at the same length
// with an ending before without; an ending (the first in the path, then the longest); the first
// regular expression of the file; the longest other prefix; the site's fallback. A prefix with an
// ending always decides. The prefix of a single program, of a redirect, or of what is denied, also
// matches without its trailing slash. Only path.text.substr(0, path.plain) is considered; an exact
// match needs the whole path to be plain. A regular expression is asked only if nothing before it
// answers.
Route find_route(const config::Site& site, const http::Path& path, Choice choice = {});

// All that match, in that order: the first is find_route's.
std::vector<Candidate> find_candidates(const config::Site& site, const http::Path& path,
                                       Choice choice = {});

// Whether the location's match fits the path, whichever location answers. A prefix also fits its
// own name without the slash at the end. Nothing: its regular expression gives up, and nobody
// knows.
std::optional<bool> covers(const config::Location& location, const http::Path& path);

}  // namespace cgisrv::site
