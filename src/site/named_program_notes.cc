#include "site/named_program_notes.h"

#include <fmt/format.h>

#include "base/text.h"
#include "config/config.h"
#include "config/key_lines.h"
#include "config/value_check.h"
#include "site/access_rules.h"
#include "site/mapping.h"
#include "site/router.h"

namespace cgisrv::site {

namespace {

// A key of access, and how a location says that everybody may come.
struct AccessKey {
  const char* name;
  Key is_said;
  Key keeps_out;
  const char* opening;
};
constexpr AccessKey access_keys[] = {
    {"allow", has_allow,
     [](const config::AccessRules& rules) { return rules.allow && !rules.allow->has("all"); },
     "allow = [\"all\"]"},
    {"auth", has_auth,
     [](const config::AccessRules& rules) { return rules.auth && !rules.auth->is_open; },
     "auth = false"}};

// A path of a site, that of a folder with its slash.
struct Address {
  const config::Site& site;
  http::Path path;
};

// The rule of a location that keeps some out; null: none does.
const config::Location* keeper_of(const Address& address, const AccessKey& key) {
  for (const Rule& rule : rules_for(address.site, address.path, key.is_said))
    if (rule.location != nullptr && key.keeps_out(*rule.access)) return rule.location;
  return nullptr;
}

bool is_undecided(const Address& address, const AccessKey& key) {
  return rules_for(address.site, address.path, key.is_said).empty();
}

// Whether one address has a rule and the other none; what to say of it.
std::string difference(const config::Config& config, const config::Location& naming,
                       const Address& closed, const Address& open, const AccessKey& key) {
  const config::Location* const keeper = keeper_of(closed, key);
  if (keeper == nullptr || !is_undecided(open, key)) return {};
  return fmt::format(
      "{}{} of location {} holds for {} of the site {}, and not for {} of the site {}, which is "
      "the "
      "same program: location {}{} names it; write {} for {} too, or {}",
      config::place_text(config, config::find_line(keeper->lines, {key.name, ""})), key.name,
      config::format_match(keeper->match), text::escape(closed.path.text, 200), closed.site.title(),
      text::escape(open.path.text, 200), open.site.title(), config::format_match(naming.match),
      config::line_text(config::find_line(naming.lines, {"cgi", ""})), key.name,
      text::escape(open.path.text, 200), key.opening);
}

// Several locations may share one program and have rules of their own, so only addresses count that
// no location names.
bool is_found_below_a_root(const Address& address) {
  const config::Location& location = find_route(address.site, address.path).location;
  return !location.names_program() && location.deny == config::Deny::no;
}

std::string note_of(const config::Config& config, const Address& named,
                    const config::Location& naming) {
  std::string note;
  const bool is_folder = naming.program == config::ProgramKind::directory;
  for (const config::Site& other : config.sites)
    any_path_to(other, other.real_root, naming.real_path, [&](const std::string& path) {
      const Address found{other, http::plain_path(is_folder ? path + "/" : path)};
      if (!is_found_below_a_root(found)) return false;
      for (const AccessKey& key : access_keys) {
        if (note.empty()) note = difference(config, naming, found, named, key);
        if (note.empty()) note = difference(config, naming, named, found, key);
      }
      return !note.empty();
    });
  return note;
}

}  // namespace

void note_named_programs(const config::Config& config, std::vector<std::string>& notes) {
  for (const config::Site& site : config.sites)
    for (const config::Location& location : site.locations) {
      const bool is_path = location.match.kind == config::MatchKind::exact ||
                           location.match.kind == config::MatchKind::prefix;
      if (!is_path || !location.names_program() || location.real_path.empty()) continue;
      const Address named{site, http::plain_path(location.match.text)};
      if (auto note = note_of(config, named, location); !note.empty())
        notes.push_back(std::move(note));
    }
}

}  // namespace cgisrv::site
