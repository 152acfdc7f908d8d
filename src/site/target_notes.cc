#include "site/target_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "base/text.h"
#include "config/config.h"
#include "config/key_lines.h"
#include "http/target.h"
#include "site/error_page.h"
#include "site/locate_steps.h"

namespace cgisrv::site {

namespace {

using Kind = Located::Kind;

// A browser follows about as many.
constexpr unsigned redirects_max = 20;

// ---- try

std::string why_no_answer(const Located& found) {
  switch (found.kind) {
    case Kind::program:
    case Kind::file:
      return {};
    case Kind::slash:
      return fmt::format("it is a folder; \"{}\" is its index", found.redirect);
    case Kind::listing:
      return "it is a folder without an index";
    case Kind::redirect:
      return "it is a redirect";
    case Kind::error:
      break;
  }
  return found.is_kept_out ? std::string() : found.problem;  // others may be let in
}

// A step with names in braces leads to another path for each request.
void note_attempts(const config::Config& config, const config::Site& site,
                   std::vector<std::string>& notes) {
  const access::Peer visitor = access::Peer::local();
  const Within within{config, site, visitor, nullptr, true};
  for (const config::Location& location : site.locations)
    for (const config::Attempt& attempt : location.attempts) {
      if (attempt.kind != config::Attempt::Kind::path || attempt.path.has_names()) continue;
      const std::string path = attempt.path.fixed();
      const auto problem = why_no_answer(locate_in(within, http::plain_path(path)));
      if (problem.empty()) continue;
      notes.push_back(fmt::format("{}'try': \"{}\" leads to no file and no program: {}",
                                  place_text(config, config::find_line(location.lines, {"try"})),
                                  text::escape(path, 100), problem));
    }
}

// ---- error_pages

void note_pages(const config::Config& config, const config::Site& site,
                const std::vector<config::ErrorPage>& pages, const config::KeyLines& lines,
                std::set<std::string>& seen, std::vector<std::string>& notes) {
  for (const config::ErrorPage& page : pages) {
    if (page.path.empty() || !seen.insert(page.path).second) continue;
    const auto path = http::decode_path(page.path.substr(0, page.path.find('?')));
    if (!path) continue;  // refused already
    const Located found = locate(config, site, *path, access::Peer::local());
    const auto problem = why_no_error_page(found);
    if (problem.empty() || found.is_kept_out) continue;  // others may be let in
    notes.push_back(
        fmt::format("{}'error_pages': \"{}\" cannot answer: {}; the server's own page "
                    "stands in for it",
                    place_text(config, config::find_line(lines, {"error_pages"})),
                    text::escape(page.path, 100), problem));
  }
}

// Locations have those of their site, too.
void note_error_pages(const config::Config& config, const config::Site& site,
                      std::vector<std::string>& notes) {
  std::set<std::string> seen;
  note_pages(config, site, site.fallback.answers.error_pages, site.lines, seen, notes);
  for (const config::Location& location : site.locations)
    note_pages(config, site, location.answers.error_pages, location.lines, seen, notes);
}

// ---- redirect

// Whether a URL with that beginning comes back to the site, as far as the configuration tells.
bool is_address_of(const config::Site& site, bool https, const http::Authority& authority) {
  if (const auto& url = site.public_url)
    return url->https == https && text::equals_ignoring_case(url->host, authority.host) &&
           url->port == authority.port.value_or(https ? 443 : 80);
  return !https && !authority.port &&
         std::ranges::any_of(site.server_name, [&](const std::string& name) {
           return host_matches(name, authority.host);
         });
}

// The site that a redirect of `from` leads to, and leaves the path alone in `url`; null: somewhere
// else.
const config::Site* follow(const config::Config& config, const config::Site& from,
                           std::string& url) {
  const config::Site* site = &from;
  if (!url.starts_with('/')) {
    const bool https = url.starts_with("https:");
    url.erase(0, url.find("//") + 2);
    const auto end = std::min(url.find_first_of("/?#"), url.size());
    const auto authority = http::parse_authority(std::string_view(url).substr(0, end));
    if (!authority) return nullptr;
    site = &find_site(config, authority->host);
    if (!is_address_of(*site, https, *authority)) return nullptr;
    url.erase(0, end);
  }
  url.erase(std::min(url.find_first_of("?#"), url.size()));
  if (url.empty()) url = "/";
  return site;
}

// Whether a client that asks for what `location` redirects to is sent on and on, and comes by
// there again. "x" stands for whatever a request has for a name.
bool leads_back(const config::Config& config, const config::Site& site,
                const config::Location& location) {
  std::string url = location.redirect.to.replace(
      [](std::string_view, std::string_view) { return std::string("x"); });
  const config::Site* at = &site;
  bool comes_by = false;
  for (unsigned i = 0; i < redirects_max; ++i) {
    at = follow(config, *at, url);
    const auto path = at == nullptr ? std::nullopt : http::decode_path(url);
    if (!path) return false;
    Located found = locate(config, *at, *path, access::Peer::local());
    if (found.kind != Kind::redirect && found.kind != Kind::slash) return false;
    comes_by = comes_by || (found.kind == Kind::redirect && found.location == &location);
    url = std::move(found.redirect);
  }
  return comes_by;
}

void note_redirects(const config::Config& config, const config::Site& site,
                    std::vector<std::string>& notes) {
  for (const config::Location& location : site.locations)
    if (!location.redirect.to.empty() && leads_back(config, site, location))
      notes.push_back(
          fmt::format("{}'redirect': \"{}\" leads back to this location, and clients go round in "
                      "circles",
                      place_text(config, config::find_line(location.lines, {"redirect"})),
                      text::escape(location.redirect.to.text(), 100)));
}

// "$1" and "$args" are groups and variables of Apache and nginx.
void note_dollars(const config::Config& config, const config::Location& location,
                  std::string_view key, std::string_view text, std::vector<std::string>& notes) {
  const auto dollar = text.find('$');
  if (dollar == text.npos || dollar + 1 == text.size() ||
      !(text::is_alpha(text[dollar + 1]) || text::is_digit(text[dollar + 1])))
    return;
  notes.push_back(fmt::format(
      "{}'{}': the $ in \"{}\" stands for itself; a group of a regular expression is {{1}}, and "
      "the "
      "query is kept without being named",
      place_text(config, config::find_line(location.lines, {key})), key, text::escape(text, 100)));
}

}  // namespace

void note_targets(const config::Config& config, std::vector<std::string>& notes) {
  for (const config::Site& site : config.sites) {
    note_attempts(config, site, notes);
    note_error_pages(config, site, notes);
    note_redirects(config, site, notes);
    for (const config::Location& location : site.locations) {
      note_dollars(config, location, "redirect", location.redirect.to.text(), notes);
      for (const config::Attempt& attempt : location.attempts) {
        note_dollars(config, location, "try", attempt.path.text(), notes);
        note_dollars(config, location, "try", attempt.query.text(), notes);
      }
    }
  }
}

}  // namespace cgisrv::site
