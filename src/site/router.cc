#include "site/router.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/text.h"

namespace cgisrv::site {

namespace {

// How well a site's name fits: 0 not at all, more for a longer pattern, most for the exact name.
std::size_t fit(std::string_view name, std::string_view host) {
  if (text::equals_ignoring_case(name, host)) return std::numeric_limits<std::size_t>::max();
  if (!name.starts_with("*.") || host.size() < name.size()) return 0;
  const auto ending = name.substr(1);
  const auto end_of_host = host.substr(host.size() - ending.size());
  return text::equals_ignoring_case(ending, end_of_host) ? name.size() : 0;
}

// Length of `path` up to the end of its first segment that ends in `ending`; 0 if there is none. A
// segment that consists of the ending is a dotfile.
std::size_t extension_end(std::string_view path, std::string_view ending) {
  for (std::size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto segment = path.substr(begin, end - begin);
    if (segment.size() > ending.size() && segment.ends_with(ending)) return end;
    begin = end + 1;
  }
  return 0;
}

// The ranks of a match. A deciding prefix determines what is run below it: programs, or nothing.
enum Rank { none, prefix, extension, deciding_prefix, exact };

struct Candidate {
  const config::Location* location;
  Rank rank = none;
  std::size_t matched = 0;
};

Candidate match(const config::Location& location, std::string_view plain, bool whole) {
  const std::string& text = location.match.text;
  switch (location.match.kind) {
    case config::MatchKind::exact:
      return {&location, whole && plain == text ? exact : none, text.size()};
    case config::MatchKind::prefix: {
      const bool decides = location.program != config::ProgramKind::none || location.files_only;
      if (plain.starts_with(text))
        return {&location, decides ? deciding_prefix : prefix, text.size()};
      // "/hook" where one program answers below "/hook/": also an address of that program.
      const bool is_the_program = whole && location.program == config::ProgramKind::single &&
                                  plain.size() + 1 == text.size() && text.starts_with(plain);
      return {&location, is_the_program ? deciding_prefix : none, plain.size()};
    }
    case config::MatchKind::extension: {
      const std::size_t end = extension_end(plain, text);
      return {&location, end > 0 ? extension : none, end};
    }
  }
  return {&location};
}

bool better(const Candidate& a, const Candidate& b) {
  if (a.rank != b.rank) return a.rank > b.rank;
  // The longest prefix; for endings, the first segment that has one, and there the longest.
  if (a.rank != extension) return a.matched > b.matched;
  if (a.matched != b.matched) return a.matched < b.matched;
  return a.location->match.text.size() > b.location->match.text.size();
}

}  // namespace

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

Route find_route(const config::Site& site, const http::Path& path) {
  const auto plain = std::string_view(path.text).substr(0, path.plain);
  Candidate best{&site.fallback};
  for (const config::Location& location : site.locations) {
    const Candidate candidate = match(location, plain, path.plain == path.text.size());
    if (candidate.rank != none && better(candidate, best)) best = candidate;
  }
  return {site, *best.location, best.matched};
}

bool covers(const config::Location& location, const http::Path& path) {
  const auto plain = std::string_view(path.text).substr(0, path.plain);
  const bool whole = path.plain == path.text.size();
  const std::string& text = location.match.text;
  const bool is_its_name = whole && location.match.kind == config::MatchKind::prefix &&
                           plain.size() + 1 == text.size() && text.starts_with(plain);
  return is_its_name || match(location, plain, whole).rank != none;
}

}  // namespace cgisrv::site
