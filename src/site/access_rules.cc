#include "site/access_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/result.h"
#include "base/text.h"
#include "config/value_check.h"
#include "site/mapping.h"
#include "site/program_source.h"

namespace cgisrv::site {

namespace detail {

// Both are exact matches or prefixes of one path. `b` may be null.
bool is_more_specific(const config::Location& a, const config::Location* b) {
  if (b == nullptr) return true;
  if (a.match.kind != b->match.kind) return a.match.kind == config::MatchKind::exact;
  return a.match.text.size() > b->match.text.size();
}

http::Path with_all_slashes(const http::Path& path) {
  std::string text;
  for (const char c : path.text)
    if (c != '/' || !text.ends_with('/')) text.push_back(c);
  const std::size_t size = text.size();
  return {std::move(text), size};
}

}  // namespace detail

namespace {

using AllowRule = Rule<access::AddressSet>;

std::string not_let_in(const AllowRule& rule, const access::Peer& visitor) {
  std::string text = fmt::format("{} is not let in by allow = {} of {}", visitor.text(),
                                 rule.value->text(), title_of(*rule.site, rule.location));
  const bool is_on_this_machine =
      visitor.kind == access::Peer::Kind::unix_socket || visitor.ip.is_loopback();
  if (rule.value->has("local") && is_on_this_machine && !visitor.is_local)
    text += "; it asks for somebody else, as a field of a proxy shows: see trusted_proxies";
  return text;
}

bool lets_in(const AllowRule& rule, const access::Peer& visitor, Trace* trace) {
  if (trace != nullptr)
    trace->push_back({Step::Kind::allow, rule.location, rule.value->text(), Rank::none, rule.site});
  return rule.value->contains(visitor);
}

bool has_rule(const config::Location& location) {
  return location.access.allow.has_value();
}

bool has_rules(const config::Site& site) {
  return site.access.allow || std::ranges::any_of(site.locations, has_rule);
}

// Whether a rule of `other`, for a file below its root, holds in `site` too.
bool reaches(const AllowRule& rule, const config::Site& site) {
  if (rule.location != nullptr) return true;
  return rule.site != &site && !is_below(site.real_root, rule.site->real_root);
}

}  // namespace

std::string title_of(const config::Site& site, const config::Location* location) {
  if (location != nullptr) return "location " + config::format_match(location->match);
  return "site " + (site.server_name.empty() ? site.root : site.server_name.front());
}

std::string refusal_by_path(const config::Site& site, const http::Path& path,
                            const access::Peer& visitor, Trace* trace) {
  if (!has_rules(site)) return {};
  for (const AllowRule& rule : rules_for(site, path, &config::AccessRules::allow))
    if (!lets_in(rule, visitor, trace)) return not_let_in(rule, visitor);
  return {};
}

std::string refusal_by_file(const config::Config& config, const config::Site& site,
                            const http::Path& path, const std::string& file,
                            const access::Peer& visitor, Trace* trace) {
  if (std::ranges::none_of(config.sites, has_rules)) return {};
  const auto own = rules_for(site, path, &config::AccessRules::allow);
  if (!own.empty() && own.front().location != nullptr) return {};
  const std::string real = real_path(file);
  if (real.empty())
    return fmt::format("who may have {} cannot be found out: {}", text::escape(file),
                       errno_text(errno));
  std::string refusal;
  for (const config::Site& other : config.sites) {
    const bool is_decided = &other != &site && !own.empty();
    if (is_decided || !has_rules(other)) continue;
    any_path_to(other, other.real_root, real, [&](const std::string& found) {
      const std::string there = found.empty() ? "/" : found;
      for (const AllowRule& rule :
           rules_for(other, {there, there.size()}, &config::AccessRules::allow))
        if (reaches(rule, site) && !lets_in(rule, visitor, trace))
          refusal =
              fmt::format("{}, which has {} too; write allow for this path to decide otherwise",
                          not_let_in(rule, visitor), text::escape(real));
      return !refusal.empty();
    });
  }
  return refusal;
}

void drop_access_rules(config::Config& config) {
  for (config::Site& site : config.sites) {
    site.access.allow.reset();
    for (config::Location& location : site.locations)
      location.access.allow.reset();
  }
}

}  // namespace cgisrv::site
