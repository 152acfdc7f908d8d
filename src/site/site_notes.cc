#include "site/site_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <ranges>
#include <utility>

#include "base/text.h"
#include "base/tree.h"
#include "config/config.h"
#include "config/key_lines.h"
#include "config/value_check.h"
#include "site/access_rules.h"
#include "site/folder_notes.h"
#include "site/htaccess_notes.h"
#include "site/mapping.h"
#include "site/named_program_notes.h"
#include "site/pattern_notes.h"
#include "site/router.h"
#include "site/target_notes.h"

namespace cgisrv::site {

namespace {

bool runs_by_ending(const config::Location& location) {
  return location.match.kind == config::MatchKind::extension &&
         location.program != config::ProgramKind::none;
}

// It says who is let in, and nothing else: its files are those of what lies around it.
bool only_guards(const config::Location& location) {
  const auto guards = [](const config::KeyLine& line) {
    return line.key.empty() || line.key == "match" || line.key == "allow" || line.key == "auth" ||
           line.key == "deny";
  };
  return (location.access.allow || location.access.auth || location.deny != config::Deny::no) &&
         std::ranges::all_of(location.lines, guards);
}

// An ending that runs programs, and a prefix for files that may hold some of these.
void note_endings(const config::Config& config, const config::Site& site,
                  std::vector<std::string>& notes) {
  std::string matches;
  for (const config::Location& location : site.locations | std::views::filter(runs_by_ending))
    matches += (matches.empty() ? "" : ", ") + config::format_match(location.match);
  if (matches.empty()) return;
  for (const config::Location& location : site.locations) {
    if (location.match.kind != config::MatchKind::prefix) continue;
    if (says_what_answers(location) && !location.files_only) continue;
    if (!location.files_only && only_guards(location)) continue;
    notes.push_back(
        place_text(config, config::find_line(location.lines, {"cgi", "match"})) +
        (location.files_only
             ? fmt::format("cgi = false of location {} goes before {}: there what has such an "
                           "ending is sent as a file, source and all",
                           location.match.text, matches)
             : fmt::format("location {} does not say cgi = false: below it {} is run, as the "
                           "location of that ending says",
                           location.match.text, matches)));
  }
}

// A file that `location` of `site` runs, and that `other` also has; nothing if there is none. The
// roots must be known without links.
std::optional<std::string> file_in_common(const config::Site& site,
                                          const config::Location& location,
                                          const config::Site& other) {
  std::string file;
  if (!location.real_path.empty()) {
    file = location.real_path;
  } else if (location.program == config::ProgramKind::in_place) {
    const bool by_ending = location.match.kind == config::MatchKind::extension;
    const bool is_within = is_below(other.real_root, site.real_root);
    const std::string& from = is_within && by_ending ? other.real_root : site.real_root;
    file = from + (by_ending ? "/x" : "") + location.match.text;
    // The whole other site may be below the prefix.
    if (file.ends_with('/') && (other.real_root + '/').starts_with(file))
      file = other.real_root + '/';
    if (file.ends_with('/')) file += 'x' + location.match.ending;
  }
  return is_below(file, other.real_root) ? std::optional(file) : std::nullopt;
}

// Programs that `other` also has, but neither runs nor is configured to send.
void note_programs_in_common(const config::Site& site, const config::Site& other,
                             std::vector<std::string>& notes) {
  for (const config::Location& location : site.locations) {
    const auto is_its_own = [&](const config::Location& own) {
      return !own.real_path.empty() && own.real_path == location.real_path;
    };
    const auto file = file_in_common(site, location, other);
    if (!file || std::ranges::any_of(other.locations, is_its_own)) continue;
    const std::string path = file->substr(other.real_root.size());
    const config::Location& there = find_route(other, http::plain_path(path)).location;
    if (there.program != config::ProgramKind::none || there.files_only) continue;
    notes.push_back(fmt::format(
        "the site {} has files that location {} of the site {} runs, and answers 403 for them; run "
        "them there too, or write cgi = false in a location of it to have their source sent",
        other.title(), config::format_match(location.match), site.title()));
    return;
  }
}

// Whoever stands in front on a unix socket is of this machine, and so are all its clients.
void note_unix_listeners(const config::Config& config, std::vector<std::string>& notes) {
  const auto unix_listener = std::ranges::find_if(
      config.listen,
      [](const config::ListenerOptions& each) { return each.address.starts_with("unix:"); });
  const auto& trusted = config.server.trusted_proxies;
  const auto by_allow = [](const config::AccessRules& rules) {
    return rules.allow && (rules.allow->has("local") || rules.allow->has("unix"));
  };
  const auto by_auth = [](const config::AccessRules& rules) {
    return rules.auth && (rules.auth->open_to.has("local") || rules.auth->open_to.has("unix"));
  };
  if (unix_listener == config.listen.end() || trusted.has("unix") || trusted.has("local")) return;
  const std::pair<const char*, Key> keys[] = {{"allow", by_allow}, {"open_to in auth", by_auth}};
  for (const auto& [key, says_so] : keys)
    if (has_any(config, says_so))
      notes.push_back(fmt::format(
          "{} lets in whoever connects to {}; if a proxy does, name it, or all its clients may be "
          "let in: trusted_proxies = [\"unix\"] under [server]",
          key, unix_listener->address));
}

// Who is let in by address is asked for no password either: then nobody ever is.
void note_unasked(const config::Config& config, const config::Site& site,
                  const config::Location* location, std::vector<std::string>& notes) {
  const config::AccessRules& own = location ? location->access : site.access;
  const auto& allow = own.allow ? own.allow : site.access.allow;
  const auto& auth = own.auth ? own.auth : site.access.auth;
  // Where it says neither, the site's note tells.
  if ((location && !own.allow && !own.auth) || !allow || !auth) return;
  if (allow->empty() || auth->open_to.empty() || !auth->open_to.covers(*allow)) return;
  const auto& lines = location ? location->lines : site.lines;
  notes.push_back(fmt::format(
      "{}nobody is asked for a password in {}: allow = {} lets in only whom open_to = {} does not "
      "ask; leave out allow if an address or a password is enough, or open_to if both are needed",
      place_text(config, config::find_line(lines, {"auth", "allow"})), title_of(site, location),
      allow->text(), auth->open_to.text()));
}

// Whoever comes in the clear is sent to https, where nobody may listen. A proxy with TLS in front
// says so by a field, if it is believed.
void note_lacking_tls(const config::Config& config, std::vector<std::string>& notes) {
  const bool has_tls = std::ranges::any_of(config.listen, &config::ListenerOptions::tls);
  for (const config::Site& site : config.sites)
    if (site.redirect_to_https && !has_tls && config.server.trusted_proxies.empty() &&
        !site.public_url)
      notes.push_back(
          place_text(config, config::find_line(site.lines, {"redirect_to_https"})) +
          "'redirect_to_https' sends everybody to https, and no [[listen]] has tls = true; add one "
          "with address = \":443\", or name the proxy that has TLS: trusted_proxies under "
          "[server]");
  for (const config::ListenerOptions& listen : config.listen)
    if (!listen.tls && !listen.is_gateway() && listen.address.ends_with(":443"))
      notes.push_back(
          fmt::format("{}:{}: {} is the port of https, and plain HTTP is spoken there; write tls = "
                      "true under it",
                      config.file, listen.line, listen.address));
}

// It is never sent, but programs and other servers may have the folder too.
void note_password_files(const config::Config& config, std::vector<std::string>& notes) {
  for (const std::string& file : config.password_files) {
    const std::string real = real_path(file);
    for (const config::Site& site : config.sites) {
      std::string path;
      const auto keep = [&](const std::string& found) {
        path = found;
        return true;
      };
      if (real.empty() || !any_path_to(site, site.real_root, real, keep)) continue;
      notes.push_back(fmt::format(
          "{} has the address {} in the site {}, which answers 404 for it; keep passwords where no "
          "site has them, such as /etc/cgisrv",
          text::escape(file, 200), text::escape(path, 200), site.title()));
      break;
    }
  }
}

// A folder or file that a location denies, and that another site has. What `allow` says of a path
// follows the file (access_rules.h); `deny` is for the path alone.
void note_denied_elsewhere(const config::Config& config, const config::Site& site,
                           const config::Location& location, std::vector<std::string>& notes) {
  const bool is_prefix = location.match.kind == config::MatchKind::prefix;
  if (location.deny == config::Deny::no ||
      (!is_prefix && location.match.kind != config::MatchKind::exact))
    return;
  const http::Path denied = http::plain_path(location.match.text);
  const std::string file = real_path(find_mapping(find_route(site, denied)).file(denied.text));
  const auto is_open_in = [&](const config::Site& other) {
    return any_path_to(other, other.real_root, file, [&](const std::string& path) {
      const http::Path asked = http::plain_path(is_prefix ? path + "/" : path);
      return find_route(other, asked).location.deny == config::Deny::no &&
             rules_for(other, asked, has_allow).empty();
    });
  };
  for (const config::Site& other : config.sites) {
    // A site within what is denied is meant to be seen.
    if (&other == &site || file.empty() || is_below(other.real_root, file) || !is_open_in(other))
      continue;
    notes.push_back(fmt::format(
        "{}location {} of the site {} denies what the site {} has too, and says nothing of; write "
        "deny there, or allow = [] here, which holds for the files by whatever path",
        place_text(config, config::find_line(location.lines, {"deny", ""})), location.match.text,
        site.title(), other.title()));
  }
}

}  // namespace

std::vector<std::string> notes_on_sites(const config::Config& config) {
  std::vector<std::string> notes;
  for (const config::Site& site : config.sites) {
    note_endings(config, site, notes);
    for (const config::Site& other : config.sites)
      if (&other != &site) note_programs_in_common(site, other, notes);
    note_unasked(config, site, nullptr, notes);
    for (const config::Location& location : site.locations) {
      note_denied_elsewhere(config, site, location, notes);
      note_unasked(config, site, &location, notes);
    }
  }
  note_patterns(config, notes);
  note_targets(config, notes);
  note_unrun_programs(config, notes);
  note_htaccess(config, notes);
  note_named_programs(config, notes);
  note_unix_listeners(config, notes);
  note_lacking_tls(config, notes);
  note_password_files(config, notes);
  return notes;
}

}  // namespace cgisrv::site
