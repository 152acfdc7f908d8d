// Who may have what: the rules of access that hold for a path, and for a file by whatever path it
// was found.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "access/peer.h"
#include "config/config.h"
#include "http/target.h"
#include "site/router.h"
#include "site/trace.h"

namespace cgisrv::site {

// The value of a key of AccessRules that holds for a path, and who says it.
template <typename Value>
struct Rule {
  const config::Site* site = nullptr;
  const config::Location* location = nullptr;  // null: the site itself
  const Value* value = nullptr;
};

// Every rule of one key that holds for a path, whichever location answers for it: that of the most
// specific exact match or prefix that has one, and that of each ending (also below a prefix) and
// regular expression that fits and has one. All of them count. Only if there is none of these, that
// of the site. A slash that was sent as %2F is looked at both ways, for programs take it for a
// slash. Pure.
template <typename Value>
std::vector<Rule<Value>> rules_for(const config::Site& site, const http::Path& path,
                                   std::optional<Value> config::AccessRules::*key);

// "location /x/", or "site example.org" for a rule of the whole site.
std::string title_of(const config::Site& site, const config::Location* location);

// Why the visitor does not get what is at that path, one sentence for the log that names the rule;
// empty: let in. Looks nothing up. `trace`, if any, is told of each rule that was asked. Pure.
std::string refusal_by_path(const config::Site& site, const http::Path& path,
                            const access::Peer& visitor, Trace* trace = nullptr);

// The same, by the rules of other paths that lead to the file or folder: through a link, or because
// another site's root holds it too. None if `path` has a rule of its own, in a location or, against
// other sites, in its site; then somebody has decided. A rule of a whole site does not hold in a
// site whose root is the same or below it. `file` is absolute; its links are followed, if there is
// any rule: a call for each folder of its name.
std::string refusal_by_file(const config::Config& config, const config::Site& site,
                            const http::Path& path, const std::string& file,
                            const access::Peer& visitor, Trace* trace = nullptr);

// Takes all rules by address away, for the administrator who asks.
void drop_access_rules(config::Config& config);

// ---- implementation

namespace detail {

// An exact path or a prefix. All other kinds say something of files.
constexpr bool is_path(config::MatchKind kind) {
  return kind == config::MatchKind::exact || kind == config::MatchKind::prefix;
}
bool is_more_specific(const config::Location& a, const config::Location* b);
// The path with a slash for each %2F, and none twice.
http::Path with_all_slashes(const http::Path& path);

template <typename Value>
void add_rules(const config::Site& site, const http::Path& path,
               std::optional<Value> config::AccessRules::*key, std::vector<Rule<Value>>& rules) {
  const config::Location* folder = nullptr;  // the most specific exact match or prefix
  for (const config::Location& location : site.locations) {
    const auto& value = location.access.*key;
    if (!value || !covers(location, path)) continue;
    if (!is_path(location.match.kind))
      rules.push_back({&site, &location, &*value});
    else if (is_more_specific(location, folder))
      folder = &location;
  }
  if (folder != nullptr) rules.push_back({&site, folder, &*(folder->access.*key)});
}

}  // namespace detail

template <typename Value>
std::vector<Rule<Value>> rules_for(const config::Site& site, const http::Path& path,
                                   std::optional<Value> config::AccessRules::*key) {
  std::vector<Rule<Value>> rules;
  detail::add_rules(site, path, key, rules);
  if (path.plain < path.text.size())
    detail::add_rules(site, detail::with_all_slashes(path), key, rules);
  const auto& value = site.access.*key;
  if (rules.empty() && value) rules.push_back({&site, nullptr, &*value});
  return rules;
}

}  // namespace cgisrv::site
