#include "site/access_rules.h"

#include <cgisrv/loop.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/result.h"
#include "base/text.h"
#include "base/tree.h"
#include "config/config.h"
#include "config/key_lines.h"
#include "config/value_check.h"
#include "site/mapping.h"
#include "site/router.h"
#include "site/trace.h"

namespace cgisrv::site {

namespace {

using Rules = std::vector<Rule>;
using PasswordRules = std::vector<const auth::Options*>;

// An exact path or a prefix. All other kinds say something of files.
constexpr bool is_path(config::MatchKind kind) {
  return kind == config::MatchKind::exact || kind == config::MatchKind::prefix;
}

// Both are exact matches or prefixes of one path. `b` may be null.
bool is_more_specific(const config::Location& a, const config::Location* b) {
  if (b == nullptr) return true;
  if (a.match.kind != b->match.kind) return a.match.kind == config::MatchKind::exact;
  return a.match.text.size() > b->match.text.size();
}

void add_rules(const config::Site& site, const http::Path& path, Key key, Rules& rules) {
  const config::Location* folder = nullptr;  // the most specific exact match or prefix
  for (const config::Location& location : site.locations) {
    if (!key(location.access)) continue;
    const auto covered = covers(location, path);
    if (covered == false) continue;
    if (!is_path(location.match.kind))
      rules.push_back({&site, &location, &location.access, covered.has_value()});
    else if (is_more_specific(location, folder))
      folder = &location;
  }
  if (folder != nullptr) rules.push_back({&site, folder, &folder->access});
}

bool has_any(const config::Site& site, Key key) {
  return key(site.access) || std::ranges::any_of(site.locations, key, &config::Location::access);
}

// Whether anybody has said who may have the path.
bool is_said(const Rules& own) {
  return std::ranges::any_of(own, &Rule::is_certain);
}

// Whether a location has.
bool is_decided(const Rules& own) {
  return std::ranges::any_of(
      own, [](const Rule& rule) { return rule.is_certain && rule.location != nullptr; });
}

// Whether a rule of `other`, for a file below its root, holds in `site` too.
bool reaches(const Rule& rule, const config::Site& site) {
  if (rule.location != nullptr) return true;
  return rule.site != &site && !is_below(site.real_root, rule.site->real_root);
}

// The rules of other paths to a file whose name is without links. `own`: those of the path by which
// `path`, by which it was found; if its site has said so, other sites have no say.
Rules rules_by_file(const config::Config& config, const config::Site& site, std::string_view path,
                    const Rules& own, const std::string& real, Key key) {
  Rules rules;
  for (const config::Site& other : config.sites) {
    if ((&other != &site && is_said(own)) || !has_any(other, key)) continue;
    const auto add = [&](const std::string& found) {
      for (const Rule& rule : rules_for(other, http::plain_path(found.empty() ? "/" : found), key))
        if (reaches(rule, site)) rules.push_back(rule);
      return false;
    };
    any_path_to(other, other.real_root, real, add, &other == &site ? path : std::string_view());
  }
  return rules;
}

// ---- by address

// Empty if the rule lets the visitor in.
std::string refusal_by(const Rule& rule, const access::Peer& visitor, Trace* trace) {
  const auto& allow = rule.access->allow;
  if (!allow) return {};
  if (trace != nullptr)
    trace->push_back({Step::Kind::allow, rule.location, allow->text(), Rank::none, rule.site});
  if (allow->contains(visitor)) return {};
  const config::KeyLines& lines =
      rule.location != nullptr ? rule.location->lines : rule.site->lines;
  std::string text =
      fmt::format("{} is not let in by allow = {} of {}{}", visitor.text(), allow->text(),
                  title_of(*rule.site, rule.location), line_text(find_line(lines, {"allow"})));
  const bool is_on_this_machine =
      visitor.kind == access::Peer::Kind::unix_socket || visitor.ip.is_loopback();
  if (allow->has("local") && is_on_this_machine && !visitor.is_local)
    text += "; it asks for somebody else, as a field of a proxy shows: see trusted_proxies";
  return text;
}

// ---- by password

// What is known of the files of passwords and groups. Their inodes are looked up once a
// millisecond, not for each file that is sent; what takes the place of one meanwhile is known by
// its name.
struct PasswordFiles {
  std::vector<std::string> configured;
  std::vector<std::string> real;  // the names without links
  std::vector<struct stat> found;
  TimePoint looked_at;

  void look(const std::vector<std::string>& names) {
    const TimePoint now = Clock::now();
    if (configured == names && now - looked_at < std::chrono::milliseconds(1)) return;
    if (configured != names) {
      configured = names;
      real.clear();
      for (const std::string& name : names)
        real.push_back(real_path(name));
    }
    looked_at = now;
    found.clear();
    for (const std::string& name : names) {
      struct stat status {};
      if (::stat(name.c_str(), &status) == 0) found.push_back(status);
    }
  }
};

void add_passwords(const Rules& found, PasswordRules& rules) {
  for (const Rule& rule : found) {
    const auto& auth = rule.access->auth;
    if (auth && !auth->is_open && std::ranges::find(rules, &*auth) == rules.end())
      rules.push_back(&*auth);
  }
}

// A file or folder below a root; empty: what was found is none, or a program that its location
// names, which is that location's alone.
const std::string& file_of(const Located& located) {
  const bool is_in_place = located.kind == Located::Kind::program &&
                           located.location->program == config::ProgramKind::in_place;
  return is_in_place ? located.script.filename : located.file;
}

// A program whose own path the request may go on behind.
bool is_of_a_file(const Located& located) {
  return located.kind == Located::Kind::program &&
         located.location->program != config::ProgramKind::single;
}

}  // namespace

bool has_allow(const config::AccessRules& rules) {
  return rules.allow.has_value();
}

bool has_auth(const config::AccessRules& rules) {
  return rules.auth.has_value();
}

bool has_any(const config::Config& config, Key key) {
  return std::ranges::any_of(config.sites,
                             [key](const config::Site& site) { return has_any(site, key); });
}

Rules rules_for(const config::Site& site, const http::Path& path, Key key) {
  Rules rules;
  add_rules(site, path, key, rules);
  if (path.plain < path.text.size()) add_rules(site, http::with_all_slashes(path), key, rules);
  if (!is_said(rules) && key(site.access)) rules.push_back({&site, nullptr, &site.access});
  return rules;
}

std::string title_of(const config::Site& site, const config::Location* location) {
  return location != nullptr ? "location " + config::format_match(location->match)
                             : "site " + site.title();
}

std::string refusal_by_path(const config::Site& site, const http::Path& path,
                            const access::Peer& visitor, Trace* trace) {
  if (!has_any(site, has_allow)) return {};
  for (const Rule& rule : rules_for(site, path, has_allow))
    if (auto refusal = refusal_by(rule, visitor, trace); !refusal.empty()) return refusal;
  return {};
}

std::string refusal_by_location(const config::Site& site, const config::Location& location,
                                const access::Peer& visitor) {
  return refusal_by({&site, &location, &location.access}, visitor, nullptr);
}

std::string refusal_by_file(const config::Config& config, const config::Site& site,
                            const http::Path& path, const std::string& file, const Seen& seen,
                            const access::Peer& visitor, Trace* trace) {
  if (!has_any(config, has_allow)) return {};
  const Rules own = rules_for(site, path, has_allow);
  if (is_decided(own)) return {};
  const std::string& real = real_name(file, seen);
  if (real.empty())
    return fmt::format("who may have {} cannot be found out: {}", text::escape(file),
                       errno_text(errno));
  for (const Rule& rule : rules_by_file(config, site, path.text, own, real, has_allow))
    if (const auto refusal = refusal_by(rule, visitor, trace); !refusal.empty())
      return fmt::format("{}, which has {} too; write allow for this path to decide otherwise",
                         refusal, text::escape(real));
  return {};
}

PasswordRules password_rules_for(const config::Config& config, const config::Site& site,
                                 const http::Path& path, const Located& located) {
  PasswordRules rules;
  if (!has_any(config, has_auth)) return rules;
  Rules own = rules_for(site, path, has_auth);  // at last, of the path of the file itself
  std::string_view last = path.text;
  add_passwords(own, rules);
  const auto count = [&](const std::string& text) {
    if (text.empty()) return;
    own = rules_for(site, http::plain_path(text), has_auth);
    last = text;
    add_passwords(own, rules);
  };
  if (located.is_named)
    add_passwords({{&site, located.location, &located.location->access}}, rules);
  count(located.tried);
  count(located.index);
  if (is_of_a_file(located)) count(located.script.name);
  const std::string& file = file_of(located);
  if (file.empty() || is_decided(own)) return rules;
  // A file that is gone has no such path; it will not be sent either.
  add_passwords(rules_by_file(config, site, last, own, real_name(file, located.seen), has_auth),
                rules);
  return rules;
}

bool needs_another_password(const config::Site& site, const std::string& path,
                            const PasswordRules& given, const access::Peer& visitor) {
  if (!has_any(site, has_auth)) return false;
  return std::ranges::any_of(rules_for(site, http::plain_path(path), has_auth),
                             [&](const Rule& rule) {
                               const auto& auth = rule.access->auth;
                               return auth && auth->asks(visitor, "GET") &&
                                      std::ranges::find(given, &*auth) == given.end();
                             });
}

bool is_password_file(const config::Config& config, const std::string& file, const Seen& seen) {
  if (config.password_files.empty()) return false;
  static PasswordFiles known;
  known.look(config.password_files);
  const std::string& real = real_name(file, seen);
  return std::ranges::any_of(known.found,
                             [&](const struct stat& status) {
                               return status.st_ino == seen.status.st_ino &&
                                      status.st_dev == seen.status.st_dev;
                             }) ||
         (!real.empty() && std::ranges::find(known.real, real) != known.real.end());
}

void drop_access_rules(config::Config& config) {
  for (config::Site& site : config.sites) {
    site.access.allow.reset();
    for (config::Location& location : site.locations)
      location.access.allow.reset();
  }
}

}  // namespace cgisrv::site
