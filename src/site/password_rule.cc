#include "site/password_rule.h"

#include <algorithm>

#include "site/access_rules.h"
#include "site/mapping.h"
#include "site/program_source.h"

namespace cgisrv::site {

namespace {

using AuthRule = Rule<auth::Options>;
using Rules = std::vector<const auth::Options*>;

bool asks(const config::Site& site) {
  return site.access.auth ||
         std::ranges::any_of(site.locations, [](const config::Location& location) {
           return location.access.auth.has_value();
         });
}

void add(const AuthRule& rule, Rules& rules) {
  if (rule.value->is_open || std::ranges::find(rules, rule.value) != rules.end()) return;
  rules.push_back(rule.value);
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

// Rules of other paths to the file, if no location has one for the path that was asked for.
void add_by_file(const config::Config& config, const config::Site& site,
                 const std::vector<AuthRule>& own, const std::string& file, Rules& rules) {
  if (file.empty() || (!own.empty() && own.front().location != nullptr)) return;
  const std::string real = real_path(file);  // empty: it is gone, and will not be sent either
  for (const config::Site& other : config.sites) {
    const bool is_decided = &other != &site && !own.empty();
    if (is_decided || !asks(other)) continue;
    any_path_to(other, other.real_root, real, [&](const std::string& found) {
      const std::string there = found.empty() ? "/" : found;
      for (const AuthRule& rule :
           rules_for(other, {there, there.size()}, &config::AccessRules::auth)) {
        const bool is_narrower = &other != &site && !is_below(site.real_root, other.real_root);
        if (rule.location != nullptr || is_narrower) add(rule, rules);
      }
      return false;
    });
  }
}

}  // namespace

Rules password_rules_for(const config::Config& config, const config::Site& site,
                         const http::Path& path, const Located& located) {
  Rules rules;
  if (std::ranges::none_of(config.sites, asks)) return rules;
  auto own = rules_for(site, path, &config::AccessRules::auth);
  auto of_found = own;  // those of the path that leads to the file by itself
  const auto count = [&](const std::string& text) {
    if (text.empty()) return;
    of_found = rules_for(site, {text, text.size()}, &config::AccessRules::auth);
    own.insert(own.end(), of_found.begin(), of_found.end());
  };
  count(located.tried);
  count(located.index);
  if (is_of_a_file(located)) count(located.script.name);
  for (const AuthRule& rule : own)
    add(rule, rules);
  add_by_file(config, site, of_found, file_of(located), rules);
  return rules;
}

bool needs_another_password(const config::Site& site, const std::string& path, const Rules& given) {
  if (!asks(site)) return false;
  const auto rules = rules_for(site, {path, path.size()}, &config::AccessRules::auth);
  return std::ranges::any_of(rules, [&](const AuthRule& rule) {
    return !rule.value->is_open && std::ranges::find(given, rule.value) == given.end();
  });
}

}  // namespace cgisrv::site
